import { assertEquals, assertThrows } from "@std/assert";
import { Listener } from "../../src/runtime/server/listener.ts";
import { ManualTimer } from "../node/_manual_timer.ts";

/** Servers that fail when they are told to. */
function setUp(bindable: (hostname: string, count: number) => Error | null = () => null) {
  const servers: { hostname: string; fail: (error: Error) => void; isShutDown: boolean }[] = [];
  let count = 0;
  const serve = ({ hostname, port }: Deno.ServeTcpOptions) => {
    const error = bindable(hostname!, count++);
    if (error) throw error;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const server = { hostname: hostname!, fail: reject, isShutDown: false };
    servers.push(server);
    const shutdown = () => {
      server.isShutDown = true;
      resolve();
      return Promise.resolve();
    };
    return {
      addr: { transport: "tcp" as const, hostname: hostname!, port: port || 4711 },
      finished: promise,
      shutdown,
    };
  };
  const failures: string[] = [];
  const timer = new ManualTimer();
  const options = { timer, hostname: "::", port: 0, handler: () => new Response(), serve };
  const onAcceptFailed = (error: unknown) => void failures.push(String(error));
  return { servers, failures, timer, open: () => new Listener({ ...options, onAcceptFailed }) };
}

const EMFILE = new Error("Too many open files (os error 24)");

Deno.test("when a connection can't be accepted idle ones are closed and the port is bound again, ever more rarely", async () => {
  const { servers, failures, timer, open } = setUp();
  const listener = open();
  servers[0]!.fail(EMFILE);
  await timer.advance(1);
  assertEquals(servers.map(({ isShutDown }) => isShutDown), [true, false]);
  for (const [index, pauseMs] of [2_000, 4_000, 8_000, 16_000, 30_000, 30_000].entries()) {
    servers[index + 1]!.fail(EMFILE);
    await timer.advance(pauseMs - 1_500);
    assertEquals(servers.length, index + 2);
    await timer.advance(1_600);
    assertEquals(servers.length, index + 3);
    assertEquals(servers.at(-2)!.isShutDown, true);
  }
  assertEquals(failures.length, 7);
  await timer.advance(61_000);
  servers.at(-1)!.fail(EMFILE);
  await timer.advance(1);
  assertEquals(servers.length, 9);
  assertEquals(listener.address, { hostname: "::", port: 4711 });
  await listener.shutdown();
  assertEquals(servers.at(-1)!.isShutDown, true);
});

Deno.test("a port that is not free yet is tried again", async () => {
  const { servers, timer, open } = setUp((_, count) =>
    count > 0 && count < 5 ? new Deno.errors.AddrInUse("taken") : null
  );
  const listener = open();
  servers[0]!.fail(EMFILE);
  await timer.advance(1_000);
  assertEquals(servers.length, 2);
  await listener.shutdown();
});

Deno.test("one that is shut down binds nothing any more", async () => {
  const { servers, timer, open } = setUp();
  const listener = open();
  servers[0]!.fail(EMFILE);
  await listener.shutdown();
  await timer.advance(60_000);
  assertEquals(servers.length, 1);
});

Deno.test("a machine without IPv6 listens on IPv4, and a taken port is an error", async () => {
  const { servers, open } = setUp((hostname) => hostname === "::" ? new Error("Address family not supported") : null);
  await open().shutdown();
  assertEquals(servers.map(({ hostname }) => hostname), ["0.0.0.0"]);
  assertThrows(() => setUp(() => new Deno.errors.AddrInUse("taken")).open(), Deno.errors.AddrInUse);
});
