import { assertEquals } from "@std/assert";
import { ClientTable } from "../../src/core/clients/client_table.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/core/config.ts";
import type { ClientId, Millis, SequenceNumber } from "../../src/core/messages/ids.ts";
import type { ClientRequest, Result } from "../../src/core/messages/messages.ts";
import { hash, pack, show, unpack } from "./_messages.ts";

const utf8 = new TextEncoder();

/** A table, a clock, and a service that counts how often it was asked. */
class Fixture {
  readonly table: ClientTable;
  sequence = 0;
  now = 1_000;
  runs = 0;

  constructor(limits: Partial<Limits> = {}) {
    this.table = new ClientTable({ hash, pack, unpack }, { ...DEFAULT_LIMITS, ...limits });
  }

  request(fields: Partial<ClientRequest> = {}, content = "a"): string {
    const request: ClientRequest = {
      kind: "request",
      client: "c".repeat(64) as ClientId,
      session: 1,
      timestamp: 1,
      lowestUnanswered: 1,
      operations: [utf8.encode(content)],
      ...fields,
    };
    const digest = hash(utf8.encode(JSON.stringify([request.client, request.session, request.timestamp, content])));
    const at = { sequence: ++this.sequence as SequenceNumber, timestamp: this.now as Millis };
    return this.table.execute(request, digest, at, () => [this.#run()]).map(show).join();
  }

  open(client = "c", nonce = 7): string {
    return this.request({ client: client.repeat(64) as ClientId, session: 0, timestamp: nonce, operations: [] });
  }

  name(name: string, timestamp: number, content = "a"): string {
    const at = { sequence: ++this.sequence as SequenceNumber, timestamp: this.now as Millis };
    return show(this.table.executeNamed({ name, timestamp, operation: utf8.encode(content) }, at, () => this.#run()));
  }

  #run(): Result {
    return { sequence: this.sequence as SequenceNumber, status: "ok", value: utf8.encode(`run ${++this.runs}`) };
  }
}

Deno.test("a request runs once; its retransmission gets the stored reply", () => {
  const f = new Fixture();
  assertEquals(f.open(), "ok 1");
  assertEquals(f.request(), "ok run 1");
  assertEquals(f.request(), "ok run 1");
  assertEquals(f.runs, 1);
});

Deno.test("two openings with one nonce give one session, with two nonces two sessions", () => {
  const f = new Fixture();
  assertEquals([f.open("c", 7), f.open("c", 7), f.open("c", 8), f.table.sessions], ["ok 1", "ok 1", "ok 3", 2]);
});

Deno.test("a request of a session that was never opened is refused", () => {
  assertEquals(new Fixture().request(), "refused unknown-session");
});

Deno.test("one timestamp with two operations: the first runs, the second is refused, in any order of retries", () => {
  const f = new Fixture();
  f.open();
  assertEquals([f.request({}, "a"), f.request({}, "b"), f.request({}, "a")], [
    "ok run 1",
    "refused timestamp-reused",
    "ok run 1",
  ]);
});

Deno.test("the window of timestamps begins at the lowest unanswered one", () => {
  const f = new Fixture({ sessionWindow: 4 });
  f.open();
  assertEquals(f.request({ timestamp: 4 }), "ok run 1");
  assertEquals(f.request({ timestamp: 5 }), "refused beyond-window");
  assertEquals(f.request({ timestamp: 5, lowestUnanswered: 2 }), "ok run 2");
  assertEquals(f.request({ timestamp: 1 }), "refused stale-timestamp");
  assertEquals(
    f.request({ timestamp: 2, lowestUnanswered: 1 }),
    "ok run 3",
    "a late request doesn't take an acknowledgement back",
  );
});

Deno.test("acknowledged requests are forgotten and never run again", () => {
  const f = new Fixture();
  f.open();
  f.request({ timestamp: 1 });
  f.request({ timestamp: 2, lowestUnanswered: 2 });
  assertEquals(f.request({ timestamp: 1 }), "refused stale-timestamp");
  assertEquals(f.runs, 2);
});

Deno.test("a client that acknowledges nothing is refused before its stored replies take too much space", () => {
  const f = new Fixture({ maxSessionReplyBytes: 10 });
  f.open();
  f.request({ timestamp: 1 });
  f.request({ timestamp: 2 });
  assertEquals(f.request({ timestamp: 3 }), "refused reply-storage-full");
  assertEquals(f.request({ timestamp: 3, lowestUnanswered: 3 }), "ok run 3");
});

Deno.test("a flood of new sessions evicts only the session idle for longest, no active one, and requests of the evicted one never run again", () => {
  const f = new Fixture({ maxSessions: 2, sessionIdleMs: 100 });
  assertEquals([f.open("a"), f.open("b")], ["ok 1", "ok 2"]);
  assertEquals(f.open("c"), "refused too-many-clients");
  f.now += 60;
  assertEquals(f.request({ client: "a".repeat(64) as ClientId, session: 1 }), "ok run 1");
  f.now += 60;
  assertEquals(f.open("c"), "ok 5");
  assertEquals(f.request({ client: "b".repeat(64) as ClientId, session: 2 }), "refused unknown-session");
  assertEquals(f.request({ client: "a".repeat(64) as ClientId, session: 1 }), "ok run 1");
  assertEquals(f.runs, 1);
});

Deno.test("an unsigned name remembers its last timestamps and refuses older ones", () => {
  const f = new Fixture({ sessionWindow: 2 });
  assertEquals([f.name("ada", 10), f.name("ada", 10), f.name("ada", 10, "b")], [
    "ok run 1",
    "ok run 1",
    "refused timestamp-reused",
  ]);
  assertEquals([f.name("ada", 11), f.name("ada", 12)], ["ok run 2", "ok run 3"]);
  assertEquals([f.name("ada", 11), f.name("ada", 12)], ["ok run 2", "ok run 3"], "the last two are still stored");
  assertEquals([f.name("ada", 10), f.name("ada", 9)], ["refused stale-timestamp", "refused stale-timestamp"]);
  assertEquals(f.name("bob", 9), "ok run 4");
});

Deno.test("the number of names is bounded, and a name in use is kept", () => {
  const f = new Fixture({ maxNames: 1, nameIdleMs: 100 });
  f.name("ada", 1);
  assertEquals(f.name("bob", 1), "refused too-many-clients");
  f.now += 100;
  assertEquals([f.name("bob", 1), f.table.names], ["ok run 2", 1]);
});

Deno.test("a client table restored from chunks decides like the original", () => {
  const f = new Fixture({ sessionWindow: 4 });
  f.open();
  f.request({ timestamp: 3 });
  f.name("ada", 10);
  const changes = f.table.takeChanges();
  assertEquals(f.table.takeChanges(), [], "a checkpoint takes changes once");
  const copy = new Fixture({ sessionWindow: 4 });
  copy.table.restore(changes);
  copy.sequence = f.sequence;
  assertEquals(copy.table.takeChanges(), []);
  assertEquals([copy.request({ timestamp: 3 }), copy.name("ada", 10), copy.name("ada", 10, "b")], [
    "ok run 1",
    "ok run 2",
    "refused timestamp-reused",
  ]);
  assertEquals(copy.runs, 0);
});

Deno.test("equal client tables have equal chunks, whatever their history", () => {
  const histories = [["ada", "bob"], ["bob", "ada"]];
  const [one, two] = histories.map((names) => {
    const f = new Fixture();
    for (const name of names) {
      f.sequence = name.charCodeAt(0);
      f.name(name, 1, name);
    }
    const chunks = [...f.table.takeChanges()];
    return chunks.map(([id, bytes]) => [id, new TextDecoder().decode(bytes!).replace(/\[\d+,\d+,\{.*?\}\]/, "")]);
  });
  assertEquals(one, two);
});

Deno.test("a session is found by the request that opened it, until it is evicted, and again once that is undone", () => {
  const fixture = new Fixture({ maxSessions: 1, sessionIdleMs: 0 });
  const { table } = fixture;
  const isOpen = (client: string, nonce: number) => {
    const request = { kind: "request", client: client.repeat(64) as ClientId, session: 0, timestamp: nonce } as const;
    const opening: ClientRequest = { ...request, lowestUnanswered: 1, operations: [] };
    return table.lookup(opening, hash(utf8.encode("")), fixture.sequence as SequenceNumber)?.map(show).join() ?? null;
  };
  assertEquals(fixture.open("c", 7), "ok 1");
  assertEquals([isOpen("c", 7), isOpen("c", 8), isOpen("d", 7)], ["ok 1", null, null]);
  table.mark();
  fixture.now++;
  assertEquals([fixture.open("d", 7), isOpen("c", 7), isOpen("d", 7)], ["ok 2", null, "ok 2"]);
  assertEquals([fixture.open("c", 7), isOpen("c", 7), isOpen("d", 7)], ["ok 3", "ok 3", null], "opened anew");
  table.undo();
  assertEquals([isOpen("c", 7), isOpen("d", 7)], ["ok 1", null]);
});
