/** Who may read a local cluster's feed, and who may stop its replicas. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ClusterFeed, type ProcessState } from "../../src/cli/page/cluster_feed.ts";
import { type Operator, OperatorError, type ReplicaAction } from "../../src/cli/page/operator.ts";
import { createPageApp } from "../../src/cli/page/page_app.ts";
import { ManualTimer } from "../client/manual_timer.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
const MEMBERS = ["Apple", "<img src=x>"].map((name) => ({ name, url: "http://127.0.0.1:9" }));

class FakeOperator implements Operator {
  readonly done: string[] = [];
  state: ProcessState = "running";

  stateOf(): ProcessState {
    return this.state;
  }

  act(action: ReplicaAction, name: string): void {
    if (action === "join") throw new OperatorError("not cut off");
    this.done.push(`${action} ${name}`);
  }
}

function serving() {
  const operator = new FakeOperator();
  const feed = new ClusterFeed({
    timer: new ManualTimer(),
    name: "<b>local</b>",
    members: MEMBERS,
    stateOf: () => "running",
  });
  const operation = '{"op":"deposit","input":{}}';
  const app = createPageApp({ token: TOKEN, version: "1", members: MEMBERS, feed, operator, operation });
  const ask = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
    Promise.resolve(app.fetch(
      new Request(`http://127.0.0.1:1110${path}`, {
        ...init,
        headers: { host: "127.0.0.1:1110", ...headers },
      }),
    ));
  const operate = (body: unknown, headers: Record<string, string> = {}) =>
    ask("/operate", { authorization: `Bearer ${TOKEN}`, "content-type": "application/json", ...headers }, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  return { operator, feed, ask, operate };
}

async function statusOf(response: Promise<Response>): Promise<number> {
  const { status, body } = await response;
  await body?.cancel();
  return status;
}

Deno.test("an action needs the token, JSON, this server's own origin, and a name of this machine", async () => {
  const { operate, operator } = serving();
  const stop = { action: "stop", replica: "Apple" };
  assertEquals(await statusOf(operate(stop)), 200);
  assertEquals(await statusOf(operate(stop, { origin: "http://127.0.0.1:1110" })), 200);
  assertEquals(operator.done, ["stop Apple", "stop Apple"]);
  const refused: [Record<string, string>, number][] = [
    [{ authorization: "" }, 403],
    [{ authorization: `Bearer ${TOKEN}0` }, 403],
    [{ authorization: TOKEN }, 403],
    [{ origin: "https://evil.example" }, 403],
    [{ origin: "null" }, 403],
    [{ origin: "http://127.0.0.1:1111" }, 403],
    [{ host: "evil.example:1110" }, 421],
    [{ host: "127.0.0.1.evil.example:1110" }, 421],
    [{ "content-type": "text/plain" }, 400],
    [{ "content-type": "application/x-www-form-urlencoded" }, 400],
  ];
  for (const [headers, status] of refused) {
    assertEquals(await statusOf(operate(stop, headers)), status, JSON.stringify(headers));
  }
  assertEquals(operator.done.length, 2);
});

Deno.test("what is asked for is checked, and an impossible action says why", async () => {
  const { operate, operator } = serving();
  for (
    const wrong of [
      "",
      "[]",
      "nonsense",
      "null",
      { action: "stop" },
      { action: "stop", replica: "Zebra" },
      { action: "rm", replica: "Apple" },
      { action: "request" },
      { action: "request", operation: "x".repeat(5_000) },
      { action: "toString", replica: "Apple" },
      "x".repeat(20_000),
    ]
  ) {
    assertEquals(await statusOf(operate(wrong)), 400, JSON.stringify(wrong).slice(0, 80));
  }
  const { detail } = await (await operate({ action: "join", replica: "Apple" })).json();
  assertEquals([detail, operator.done], ["not cut off", []]);
  operator.state = "stopped";
  assertStringIncludes(
    (await (await operate({ action: "request", operation: "GET a" })).json()).detail,
    "no replica runs",
  );
});

Deno.test("the feed needs the token, begins with the members, and has a bound", async () => {
  const { ask, feed } = serving();
  assertEquals(await statusOf(ask("/feed")), 403);
  assertEquals(await statusOf(ask("/feed", { authorization: `Bearer ${TOKEN}`, host: "evil.example" })), 421);
  const open: Response[] = [];
  for (let i = 0; i < 32; i++) open.push(await ask("/feed", { authorization: `Bearer ${TOKEN}` }));
  assertEquals(await statusOf(ask("/feed", { authorization: `Bearer ${TOKEN}` })), 429);
  const { value } = await open[0]!.body!.getReader().read();
  const text = new TextDecoder().decode(value);
  const { members } = JSON.parse(/^data: (.*)$/m.exec(text)![1]!);
  assertEquals(members, MEMBERS.map(({ name }) => name));
  feed.close();
});

Deno.test("the page itself needs no token, and no other path gives anything", async () => {
  const { ask } = serving();
  const page = await ask("/");
  assertEquals(page.status, 200);
  assert(!(await page.text()).includes(TOKEN));
  const { operate, operation } = await (await ask("/settings.json")).json();
  assertEquals([operate, operation], ["operate", '{"op":"deposit","input":{}}']);
  for (const path of ["/simulator.js", "/../deno.json", "/operate", "/page.ts", "/%2e%2e/x"]) {
    assertEquals(await statusOf(ask(path)), 404, path);
  }
});
