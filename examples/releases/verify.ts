/** What anybody can check: that the register has only grown, and that a receipt proves a release. No replica is believed for it. */
// deno-lint-ignore no-import-prefix -- in the import map everybody who runs a replica would download it
import * as v from "npm:valibot@1.5.0";
import { type ClusterFile, type Receipt, verifyReceipt } from "@pbft/edge/client";
import { Entry } from "./machine.ts";
import { rootAfter } from "./root.ts";

/** How much of the register somebody has seen. */
export interface Head {
  readonly count: number;
  readonly root: string;
}

/** Where the register is read. */
export interface RegisterReader {
  head(): Promise<Head>;
  entries(input: { readonly after: number }): Promise<readonly Entry[]>;
}

/** The entries do not follow from what was seen before, or a receipt proves something else. */
export class VerificationError extends Error {
  override readonly name = "VerificationError";
}

/** The head after these entries. @throws {VerificationError} if one of them is not the next, or has another root. */
export function follow(head: Head, entries: readonly Entry[]): Head {
  for (const entry of entries) {
    const { number, root } = entry;
    if (number !== head.count + 1) throw new VerificationError(`expected entry ${head.count + 1}, got ${number}`);
    const expected = rootAfter(head.root, entry);
    if (root !== expected) throw new VerificationError(`entry ${number}: expected the root ${expected}, got ${root}`);
    head = { count: number, root };
  }
  return head;
}

/** Reads all entries after a head and follows them to the register's own head. @throws {VerificationError} if they do not lead there. */
export async function followRegister(
  register: RegisterReader,
  from: Head,
): Promise<{ readonly head: Head; readonly entries: readonly Entry[] }> {
  const goal = await register.head();
  if (goal.count < from.count) {
    throw new VerificationError(`${from.count} entries have been seen, and now there are ${goal.count}`);
  }
  const all: Entry[] = [];
  let head = from;
  while (head.count < goal.count) {
    const page = await register.entries({ after: head.count });
    const entries = page.slice(0, goal.count - head.count);
    if (entries.length === 0) throw new VerificationError(`expected entry ${head.count + 1}, got none`);
    head = follow(head, entries);
    all.push(...entries);
  }
  if (head.root !== goal.root) {
    throw new VerificationError(`entry ${head.count}: expected the root ${head.root}, got ${goal.root}`);
  }
  return { head, entries: all };
}

const Call = v.variant("op", [
  v.object({
    op: v.literal("publish"),
    input: v.object({ name: v.string(), version: v.string(), digest: v.string() }),
  }),
  v.object({ op: v.literal("find"), input: v.object({ name: v.string(), version: v.string() }) }),
]);

/** A release, and who signed for it. */
export interface ProvenRelease {
  readonly entry: Entry;
  readonly signers: readonly string[];
}

/**
 * Verifies a receipt of `publish` or of `find`: f + 1 of the genesis's replicas signed that the entry is in the register.
 * @throws {ProofError} if the signatures prove nothing; {@linkcode VerificationError} if they prove something else.
 */
export async function verifyRelease(
  cluster: Pick<ClusterFile, "genesis">,
  receipt: Receipt,
  chain: readonly Uint8Array[] = [],
): Promise<ProvenRelease> {
  const { operation, result, signers, client } = await verifyReceipt(cluster, receipt, chain);
  if (result.status !== "ok") throw new VerificationError("the receipt proves that it was rejected");
  const [call, entry] = [v.safeParse(Call, json(operation)), v.safeParse(Entry, json(result.value))];
  if (!call.success || !entry.success) throw new VerificationError("the receipt is not one of a release");
  const { input } = call.output;
  const { name, version, digest, publisher } = entry.output;
  if (input.name !== name || input.version !== version) {
    throw new VerificationError(`the receipt is of ${name} ${version}`);
  }
  if (call.output.op === "publish" && (call.output.input.digest !== digest || publisher !== client)) {
    throw new VerificationError("the receipt is of another digest, or of another publisher");
  }
  return { entry: entry.output, signers };
}

/** The digest of a file, as the register has it. */
export async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `sha256-${[...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function json(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}
