import { assertEquals } from "@std/assert";
import { EventEmitter } from "node:events";
import { Pipelining } from "../../src/http/connections/pipelining.ts";

class FakeSocket {
  destroyed = false;
  destroy(): void {
    this.destroyed = true;
  }
}

/** A request on a connection, and what became of its turn. */
function ask(pipelining: Pipelining, socket: FakeSocket) {
  const outgoing = new EventEmitter();
  const asked = { outgoing, turn: null as boolean | null };
  void pipelining.turn({ incoming: { socket }, outgoing }).then((turn) => asked.turn = turn);
  return asked;
}

/** Until all that can go on has gone on. */
const settled = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

Deno.test("a request waits until all former ones on its connection are answered, and those of other connections do not", async () => {
  const [pipelining, socket] = [new Pipelining(), new FakeSocket()];
  const asked = Array.from({ length: 3 }, () => ask(pipelining, socket));
  const other = ask(pipelining, new FakeSocket());
  await settled();
  assertEquals([...asked, other].map(({ turn }) => turn), [true, null, null, true]);
  asked[0]!.outgoing.emit("close");
  await settled();
  assertEquals(asked.map(({ turn }) => turn), [true, true, null]);
  asked[1]!.outgoing.emit("close");
  asked[2]!.outgoing.emit("close");
  await settled();
  assertEquals(ask(pipelining, socket).turn, null);
  await settled();
  assertEquals(asked.map(({ turn }) => turn), [true, true, true]);
});

Deno.test("a connection with too many unanswered requests is cut, however many were answered before", async () => {
  const [pipelining, socket] = [new Pipelining(), new FakeSocket()];
  for (let i = 0; i < 100; i++) {
    ask(pipelining, socket).outgoing.emit("close");
    await settled();
  }
  for (let i = 0; i < 16; i++) ask(pipelining, socket);
  assertEquals(socket.destroyed, false);
  const tooMany = ask(pipelining, socket);
  await settled();
  assertEquals([socket.destroyed, tooMany.turn], [true, false]);
});

Deno.test("where the server tells no connection, nobody waits", async () => {
  const pipelining = new Pipelining();
  for (const connection of [undefined, null, {}, { remoteAddr: {} }, { incoming: {} }]) {
    assertEquals(await pipelining.turn(connection), true);
  }
});
