/**
 * What a Byzantine replica answers over HTTP: other results under its own signature, old answers, refusals for no reason, junk, and bodies
 * without an end.
 * @module
 */
import { replicaId } from "../../../core/messages/ids.ts";
import type { Reply } from "../../../core/messages/messages.ts";
import { decodeFrame, encodeFrame, encodeMessage } from "../../../wire/mod.ts";
import type { FaultInjector } from "../../adversary/fault_injector.ts";
import type { Coverage } from "../../coverage.ts";
import type { Random } from "../../random.ts";
import { liedLines } from "./watch_lies.ts";

/** A liar, and what it is asked. */
export interface Liar {
  readonly path: string;
  readonly asked: Uint8Array | null;
  readonly random: Random;
  readonly liar: FaultInjector | undefined;
  /** It answers in the names of others only: who lies otherwise is soon not asked any more. */
  readonly isImpostor: boolean;
  /** Its earlier answers. */
  readonly memory: Uint8Array[];
  readonly coverage: Coverage;
  /** Signs what it tells those who watch. */
  readonly sign: (statement: Uint8Array) => Uint8Array;
}

/** The part of its answers that are no answers at all. */
const JUNK = 0.2;
/** The part of its answers that it gives in the name of another replica. */
const IN_ANOTHERS_NAME = 0.15;
/** Earlier answers that it keeps. */
const MEMORY = 20;
const CBOR = { "content-type": "application/cbor" };
/** `Retry-After` as it should not be. */
const DELAYS = ["0", "1", "1000000000", "-5", "soon"];
const ENDLESS_BYTES = 64 * 1024;
/** After so many pieces a body without an end stands still. */
const MOST_PIECES = 100;
/** Its bodies that come as they are: nobody could wait for their ends. */
const UNENDING = new WeakSet<Response>();

type Junk = (liar: Liar) => Response | null;

const JUNKS: Readonly<Record<string, Junk>> = {
  "nothing": () => null,
  "random bytes": ({ random }) => cbor(Uint8Array.from({ length: random.int(0, 200) }, () => random.int(0, 255))),
  "an earlier answer": ({ memory, random }) => cbor(memory.length > 0 ? random.pick(memory) : new Uint8Array()),
  "denied": ({ random }) =>
    Response.json({ detail: "no" }, { status: random.pick([400, 401, 403, 404, 409, 410, 413, 422]) }),
  "later": ({ random }) => {
    const headers = { "retry-after": random.pick(DELAYS) };
    return new Response("later", { status: random.pick([429, 503]), headers });
  },
  "accepted": () => new Response(null, { status: 202 }),
  "an error": ({ random }) => new Response("<html>", { status: random.pick([500, 502, 504]) }),
  "a redirect": () => new Response(null, { status: 302, headers: { location: "http://elsewhere.example/" } }),
  "a body that never comes": () =>
    new Response(new ReadableStream({}), { headers: { ...CBOR, "content-length": "100" } }),
  "a body without an end": () => new Response(endless(ENDLESS_BYTES), { headers: CBOR }),
  "tiny pieces": () => new Response(endless(1), { headers: CBOR }),
};

/** What it answers instead of the truth; `null`: nothing. */
export async function lied(honest: Response, liar: Liar): Promise<Response | null> {
  const { path, asked, random, isImpostor, memory, coverage } = liar;
  if (!isImpostor && random.chance(JUNK)) {
    const kind = random.pick(Object.keys(JUNKS));
    coverage.count("http lie", kind);
    void honest.body?.cancel();
    const junk = JUNKS[kind]!(liar);
    if (junk) UNENDING.add(junk);
    return junk;
  }
  if (path === "/watch" && honest.status === 200 && honest.body) {
    return new Response(liedLines(honest.body, liar), { headers: honest.headers });
  }
  const isFrame = honest.status === 200 && (path === "/requests" || path === "/queries");
  if (!isFrame || !asked) return honest;
  const frame = new Uint8Array(await honest.arrayBuffer());
  if (memory.length < MEMORY) memory.push(frame);
  else memory[random.int(0, MEMORY - 1)] = frame;
  const headers = { "content-type": honest.headers.get("content-type") ?? "" };
  const other = tampered(liar, frame, asked);
  return other && new Response(other as Uint8Array<ArrayBuffer>, { headers });
}

function tampered(
  { liar, random, isImpostor, coverage }: Liar,
  frame: Uint8Array,
  asked: Uint8Array,
): Uint8Array | null {
  try {
    if (random.chance(isImpostor ? 1 : IN_ANOTHERS_NAME)) return inAnothersName(frame, random, coverage);
    return liar ? liar.reply(frame, asked) : frame;
  } catch {
    // A reply without its results.
    coverage.count("http lie", "a flipped bit");
    const at = random.int(0, frame.length - 1);
    return frame.map((byte, i) => i === at ? byte ^ 1 << random.int(0, 7) : byte);
  }
}

/** The answer that the other one would give, with a signature of its own. */
function inAnothersName(frame: Uint8Array, random: Random, coverage: Coverage): Uint8Array {
  const { message, signature } = decodeFrame(frame).signed;
  const { replica } = message as Reply;
  const lie = { ...message as Reply, replica: replicaId((replica + random.int(1, 3)) % 4) };
  coverage.count("http lie", "in another's name");
  return encodeFrame({ message: lie, bytes: encodeMessage(lie), signature });
}

function cbor(bytes: Uint8Array): Response {
  return new Response(bytes as Uint8Array<ArrayBuffer>, { headers: CBOR });
}

function endless(size: number): ReadableStream<Uint8Array> {
  let pieces = 0;
  return new ReadableStream({
    pull: (controller) => {
      if (++pieces > MOST_PIECES) return new Promise(() => {});
      controller.enqueue(new Uint8Array(size));
    },
  });
}

/** Whether nobody can wait for the end of this body. */
export function isUnending(response: Response): boolean {
  return UNENDING.has(response);
}
