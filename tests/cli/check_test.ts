import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { CliError } from "../../src/cli/cli_error.ts";
import { main } from "../../src/cli/mod.ts";
import { clusterId, sha256 } from "../../src/crypto/mod.ts";
import type { Message, Result } from "../../src/core/messages/messages.ts";
import type { Statement } from "../../src/core/messages/evidence.ts";
import type { Digest, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import { decodeFrame, encodeEvidence } from "../../src/wire/mod.ts";
import { Author, genesisOf, NAMES } from "../node/_cluster.ts";

const genesis = genesisOf(4);
const STATUS = {
  nodeID: "Apple",
  cluster: clusterId(genesis),
  ready: false,
  notReady: "a test",
  halted: null,
  storeError: null,
  transferring: false,
  recovering: false,
  viewID: 0,
  active: true,
  lastExecuted: 100,
  history: "a".repeat(64),
};

type Answer = (path: string, request: Request) => Response | Promise<Response>;

function status(changes: Record<string, unknown> = {}): Response {
  return Response.json({ ...STATUS, now: Date.now(), ...changes });
}

/** Runs `check` on members that answer so; gives its exit code and what it says of each. */
async function check(answers: readonly Answer[], ...options: string[]) {
  const folder = await Deno.makeTempDir();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const [, member, path] = new URL(request.url).pathname.split("/");
    return answers[Number(member)]!(path!, request);
  });
  try {
    const urls = Object.fromEntries(NAMES.map((name, i) => [name, `http://127.0.0.1:${server.addr.port}/${i}`]));
    await Deno.writeTextFile(`${folder}/cluster.json`, JSON.stringify({ genesis, urls }));
    const lines: string[] = [];
    // The folder will do.
    const code = await main(["check", folder, ...options], (line) => lines.push(line));
    return { code, lines, of: (name: string) => lines.find((line) => line.startsWith(`${name} `))! };
  } finally {
    await server.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
}

const refuse: Answer = () => Response.json({ detail: "privateKey: expected the key of Ball" }, { status: 503 });
const queries = () => new Response(null, { status: 404 });
const say = (changes: Record<string, unknown>): Answer => (path) => path === "status" ? status(changes) : queries();

Deno.test("check asks each member, and says which refuse, and how many are too few", async () => {
  const { code, lines, of } = await check([say({}), refuse, refuse, refuse]);
  assertEquals(code, 3);
  assertEquals(
    lines[0],
    "UNAVAILABLE: 0 of 4 members vote, a quorum is 3: 3 too few; too few answers to know the view",
  );
  assertMatch(of("Apple"), /not ready: a test$/);
  assertMatch(of("Ball"), /answers 503: privateKey: expected the key of Ball$/);
  // They run: nobody is told to start them.
  assertEquals(lines.filter((line) => line.startsWith("next: start")), []);
});

Deno.test("check --json says the same for machines, on one line", async () => {
  const { code, lines } = await check([say({}), refuse, refuse, refuse], "--json");
  assertEquals([code, lines.length], [3, 1]);
  const { verdict, available, n, f, quorum, voting, members } = JSON.parse(lines[0]!);
  assertEquals([verdict, available, n, f, quorum, voting], ["unavailable", false, 4, 1, 3, 0]);
  assertEquals(
    members.map(({ name, votes, faults }: { name: string; votes: boolean; faults: { kind: string }[] }) => {
      return [name, votes, faults[0]!.kind];
    }),
    [["Apple", false, "not-ready"], ...["Ball", "Candy", "Dog"].map((name) => [name, false, "no-status"])],
  );
});

const absurd: readonly (readonly [what: string, answer: Answer, words: RegExp])[] = [
  [
    "a view that is no number",
    say({ viewID: "7" }),
    /cannot be read: viewID: expected a whole number of at least 0, got "7"$/,
  ],
  ["a number beyond 2^53", say({ lastExecuted: 1e300 }), /cannot be read: lastExecuted: expected a whole number/],
  ["a negative view", say({ viewID: -1 }), /cannot be read: viewID: /],
  ["half a status", () => Response.json({}), /cannot be read: nodeID: expected a text, got nothing$/],
  ["a list", () => Response.json([]), /cannot be read: nodeID/],
  ["null", () => Response.json(null), /cannot be read: expected an object$/],
  ["no JSON", () => new Response("<html>"), /cannot be read: expected an object$/],
  ["a redirection", () => Response.redirect("http://127.0.0.1:9/"), /answers 302$/],
  [
    "a terminal's control sequences",
    say({ halted: "\u001b[2J\u001b]0;x\u0007bad\nwrong: Ball" }),
    /halted: \[2J \]0;x bad wrong: Ball/,
  ],
  ["megabytes of reasons", say({ halted: "x".repeat(1e6) }), /halted: x{200}…/],
  [
    "something that never ends",
    () => new Response(endless()),
    /cannot be read: expected an answer of at most 8388608 bytes, got more$/,
  ],
];
for (const [what, answer, words] of absurd) {
  Deno.test(`check reads ${what} with distrust`, async () => {
    const { code, lines, of } = await check([answer, refuse, refuse, refuse]);
    assertEquals(code, 3);
    assertMatch(of("Apple"), words);
    assertEquals(lines.filter((line) => /[\p{Cc}\p{Cf}]/u.test(line)), []);
    // Neither the verdict nor another member's line is the liar's to write.
    assertEquals(lines.filter((line) => line.startsWith("wrong: Ball")).length, 1);
  });
}

function endless(): ReadableStream<Uint8Array<ArrayBuffer>> {
  const chunk = new TextEncoder().encode("[".repeat(65_536));
  return new ReadableStream({ pull: (controller) => controller.enqueue(chunk) });
}

Deno.test("check checks evidence itself: what is proven convicts, what is made up convicts nobody", async () => {
  const id = clusterId(genesis);
  const commit = (replica: number, digit: string): Statement => {
    const place = { replica: replica as ReplicaId, view: 0 as View, sequence: 7 as SequenceNumber };
    return { kind: "commit", ...place, digest: digit.repeat(64) as Digest };
  };
  const item = (replica: number, signer: number) => {
    const [first, second] = ["1", "2"].map((digit) => new Author(signer, id).sign(commit(replica, digit)));
    return encodeEvidence({ first: first!, second: second! });
  };
  // Candy's own key has signed both; what is said of Dog is signed by Candy; the rest is nothing.
  const evidence = [null, 7, {}, { messages: [] }, item(3, 3), item(2, 3)];
  const apple: Answer = (path, request) => path === "evidence" ? Response.json({ evidence }) : say({})(path, request);
  const { lines } = await check([apple, refuse, refuse, refuse]);
  const wrong = (name: string) => lines.find((line) => line.startsWith(`wrong: ${name} `))!;
  assertMatch(wrong("Candy"), /has signed messages that contradict each other \(evidence at Apple\)$/);
  assertEquals(["Apple", "Ball", "Dog"].filter((name) => wrong(name).includes("contradict")), []);
});

/** What the member with this key answers to a query. */
function answerOf(key: number, query: Digest): Uint8Array<ArrayBuffer> {
  const result: Result = { status: "ok", value: new Uint8Array(), sequence: 7 as SequenceNumber };
  const replica = (key - 1) as ReplicaId;
  const reply = { kind: "query-reply", replica, view: 0 as View, query, results: [result] } as const;
  return new Author(key, clusterId(genesis)).frame(reply).slice();
}

function digestOf(frame: Uint8Array): Digest {
  return sha256(decodeFrame(frame).signed.bytes);
}

Deno.test("who only has kept what a member signed does not show its key by it", async () => {
  const old = answerOf(1, "a".repeat(64) as Digest);
  const commit = { kind: "commit", replica: 0, view: 0, sequence: 7, digest: "a".repeat(64) } as unknown as Message;
  const others = [old, new Author(1, clusterId(genesis)).frame(commit).slice(), new Uint8Array(64)];
  for (const kept of others) {
    const impostor: Answer = (path) => path === "queries" ? new Response(kept) : status({ ready: true });
    const { of } = await check([impostor, refuse, refuse, refuse]);
    assertMatch(of("Apple"), /the server at this URL does not hold Apple's key$/);
  }
});

Deno.test("a member that shows its status only to readers gets the token, and without one is judged by /readyz and its key", async () => {
  const seen = new Set<string>();
  const member = (name: string, key: number): Answer => async (path, request) => {
    if (path === "readyz") return new Response("ready\n");
    if (path === "queries") {
      return new Response(answerOf(key, digestOf(new Uint8Array(await request.arrayBuffer()))));
    }
    const token = request.headers.get("authorization");
    if (token !== null) seen.add(`${path} ${token}`);
    if (token !== "Bearer sesame-sesame-sesame") return new Response("{}", { status: 403 });
    return path === "evidence" ? Response.json({ evidence: [] }) : status({ nodeID: name, ready: true });
  };
  const members = NAMES.map((name, i) => member(name, i + 1));
  const without = await check(members);
  assertEquals([without.code, seen.size], [1, 0]);
  assertMatch(without.lines[0]!, /^DEGRADED: 4 of 4 members vote, a quorum is 3: 1 more may fail; too few answers/);
  assertMatch(without.of("Dog"), /refuses to show its status \(see --read-token-file\)$/);
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, "sesame-sesame-sesame\n");
  const within = await check(members, "--read-token-file", file);
  await Deno.remove(file);
  assertEquals([within.code, within.lines[0]!.slice(0, 8)], [0, "HEALTHY:"], within.lines.join("\n"));
  assertEquals([...seen].sort(), ["evidence", "status"].map((path) => `${path} Bearer sesame-sesame-sesame`));
});

Deno.test("a member that sends its answer byte by byte is given up in time", async () => {
  const slow = () => {
    let id: ReturnType<typeof setInterval>;
    return new Response(
      new ReadableStream({
        start: (controller) => void (id = setInterval(() => controller.enqueue(new Uint8Array([32])), 50)),
        cancel: () => clearInterval(id),
      }),
    );
  };
  const { code, of } = await check([slow, refuse, refuse, refuse]);
  assertEquals(code, 3);
  assertMatch(of("Apple"), /no answer in time$/);
});

Deno.test("what check can't find out has an exit code of its own, and is JSON where that is asked for", async () => {
  for (const args of [["nowhere.json"], [""], ["a", "b"], ["--colour"], ["http://127.0.0.1:9/cluster.json"]]) {
    const lines: string[] = [];
    const run = () => main(["check", ...args, "--json"], (line) => lines.push(line));
    const error = await assertRejects(run, CliError);
    assertEquals([error.exitCode, error.message.includes("\n"), lines.length], [2, false, 1]);
    assertEquals(JSON.parse(lines[0]!), { verdict: "unknown", error: error.message });
  }
});

Deno.test("without an argument check finds what init and deno task cluster have made here, or says where it looked", async () => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  const cli = new URL("../../src/cli/mod.ts", import.meta.url).href;
  const run = async () => {
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", cli, "check"],
      cwd: folder,
      stdin: "null",
    });
    const { code, stdout, stderr } = await command.output();
    return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  };
  try {
    const nowhere = await run();
    assertEquals(nowhere.code, 2);
    assertStringIncludes(
      nowhere.text,
      "expected one at .pbft/cluster.json, .pbft/memory/cluster.json, pbft/cluster.json",
    );
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => status());
    const urlsAt = (base: string) => Object.fromEntries(NAMES.map((name) => [name, `${base}/${name}`]));
    for (
      const [place, base] of [["pbft", "http://127.0.0.1:9"], [
        ".pbft",
        `http://127.0.0.1:${server.addr.port}`,
      ]] as const
    ) {
      await Deno.mkdir(`${folder}/${place}`);
      await Deno.writeTextFile(`${folder}/${place}/cluster.json`, JSON.stringify({ genesis, urls: urlsAt(base) }));
    }
    // Nobody answers at the first one.
    const { code, text } = await run();
    assertEquals(code, 3);
    assertStringIncludes(text, "(.pbft/cluster.json: ");
    await server.shutdown();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("check reads no compressed answer, and parses none with too many values", async () => {
  const asked: (string | null)[] = [];
  const { of } = await check([
    (path, { headers }) => {
      asked.push(headers.get("accept-encoding"));
      const compressed = new CompressionStream("gzip");
      return path === "status"
        ? new Response(status().body!.pipeThrough(compressed), { headers: { "content-encoding": "gzip" } })
        : queries();
    },
    (path) => path === "status" ? status({ more: Array(100_000).fill([]) }) : queries(),
    say({ nodeID: "Candy" }),
    say({ nodeID: "Dog" }),
  ]);
  assertEquals(new Set(asked), new Set(["identity"]));
  assertMatch(of("Apple"), /its status cannot be read: expected an answer that is not compressed, got gzip$/);
  assertMatch(of("Ball"), /its status cannot be read: expected JSON of at most 65536 values, got more$/);
  assertMatch(of("Dog"), /not ready: a test$/);
});
