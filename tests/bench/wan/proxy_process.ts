/**
 * The process of {@linkcode Proxies}: TCP proxies on 127.0.0.1 that hold what goes through them for a time. Orders come as lines of JSON
 * on standard input, and each is answered by a line; the process ends with the input.
 * @module
 */
import { linesOf } from "../../tools/lines.ts";
import type { Delays } from "./delays.ts";

/** One proxy: it listens at `port` and passes on to `target`, for connections from one place to another. */
export interface Route {
  readonly from: number;
  readonly to: number;
  readonly port: number;
  readonly target: number;
}

/** What holds at present. */
export interface Weather {
  readonly delays: Delays;
  /** The share of chunks that come late, 0 to 1. */
  readonly stalls: number;
}

/**
 * What happens to all that goes from one place to another. `hold`: it waits until the fault is over, as on a link that stalls. `swallow`: it is lost, and so is
 * all that comes later on a connection that has lost something, as on one whose other end has forgotten it. `reset`: connections end.
 */
export type LinkFault = "hold" | "swallow" | "reset";

/** The links that are faulty at present; the others are well. */
export interface Faults {
  readonly faults: readonly { readonly from: number; readonly to: number; readonly fault: LinkFault }[];
}

const HOSTNAME = "127.0.0.1";
const CHUNK_BYTES = 65_536;
/** What is on its way in one direction of a connection, at most. The sender waits then, as for TCP's window. */
const WINDOW_BYTES = 8 * 1024 * 1024;
/** Linux's shortest time until a lost packet is sent again, ms. */
const STALL_MS = 200;

let weather: Weather = { delays: [], stalls: 0 };
/** By `from/to`. */
let faults = new Map<string, LinkFault>();
/** Those that wait for the end of a `hold`. */
const held: (() => void)[] = [];
const connections = new Set<{ readonly from: number; readonly to: number; end(): void }>();

function faultOf(from: number, to: number): LinkFault | undefined {
  return faults.get(`${from}/${to}`);
}

function setFaults(changed: Faults["faults"]): void {
  faults = new Map(changed.map(({ from, to, fault }) => [`${from}/${to}`, fault]));
  for (const release of held.splice(0)) release();
  for (const connection of [...connections]) {
    const { from, to } = connection;
    if (faultOf(from, to) === "reset" || faultOf(to, from) === "reset") connection.end();
  }
}

/** Waits while the link holds what goes over it. */
async function untilFree(from: number, to: number): Promise<void> {
  while (faultOf(from, to) === "hold") await new Promise<void>((resolve) => held.push(resolve));
}

function delayMs(from: number, to: number): number {
  return weather.delays[from]?.[to] ?? 0;
}

async function serve({ from, to, port, target }: Route): Promise<void> {
  for await (const near of Deno.listen({ hostname: HOSTNAME, port })) {
    void relay(near, { from, to, port, target }).catch(() => close(near));
  }
}

async function relay(near: Deno.TcpConn, { from, to, target }: Route): Promise<void> {
  if (faultOf(from, to) === "reset") return close(near);
  near.setNoDelay(true);
  const far = await Deno.connect({ hostname: HOSTNAME, port: target });
  far.setNoDelay(true);
  // TCP's handshake takes a round trip.
  await pause(delayMs(from, to) + delayMs(to, from));
  const end = () => {
    close(near);
    close(far);
  };
  const connection = { from, to, end };
  connections.add(connection);
  try {
    await Promise.all([pass(near, far, from, to), pass(far, near, to, from)]);
  } finally {
    connections.delete(connection);
    end();
  }
}

/** Passes on what one end sends, in order, each chunk after its delay. */
async function pass(source: Deno.TcpConn, sink: Deno.TcpConn, from: number, to: number): Promise<void> {
  let due = 0;
  let isLost = false;
  let underWay = 0;
  let last = Promise.resolve();
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (;;) {
    const length = await source.read(buffer);
    if (length === null) break;
    isLost ||= faultOf(from, to) === "swallow";
    if (isLost) continue;
    const stall = weather.stalls > 0 && Math.random() < weather.stalls ? STALL_MS : 0;
    // A late chunk holds up those behind it.
    due = Math.max(due, performance.now() + delayMs(from, to) + stall);
    const [chunk, at] = [buffer.slice(0, length), due];
    underWay += length;
    last = last.then(async () => {
      await pause(at - performance.now());
      await untilFree(from, to);
      await writeAll(sink, chunk);
      underWay -= length;
    });
    last.catch(() => close(source));
    if (underWay > WINDOW_BYTES) await last;
  }
  await last;
  await sink.closeWrite();
}

async function writeAll(sink: Deno.TcpConn, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length;) at += await sink.write(chunk.subarray(at));
}

/** A timer fires up to a millisecond late, so the fraction is left out. */
async function pause(ms: number): Promise<void> {
  if (ms >= 1) await new Promise((resolve) => setTimeout(resolve, Math.floor(ms)));
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch { /* it is closed already */ }
}

if (import.meta.main) {
  for await (const line of linesOf(Deno.stdin.readable)) {
    const order: { readonly routes: readonly Route[] } | Weather | Faults = JSON.parse(line);
    if ("routes" in order) { for (const route of order.routes) void serve(route); }
    else if ("faults" in order) setFaults(order.faults);
    else weather = order;
    console.log("done");
  }
  Deno.exit(0);
}
