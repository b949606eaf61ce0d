/** The verbs against a cluster that `pbft dev` runs: one cluster for all of them. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { eventually, isAlive } from "../e2e/_cluster_process.ts";
import { inFolder } from "../tools/folder.ts";
import { Command, Dev, PBFT, pbft, type Ran } from "./_dev.ts";

const ROOT = new URL("../../", import.meta.url);

/** The machine of an example, without the program around it: its types are checked several times, and with the program the whole package's. */
const LOCKS = (() => {
  const source = Deno.readTextFileSync(new URL("examples/custom_state_machine.ts", ROOT));
  const machine = source.slice(0, source.indexOf("\n});\n", source.indexOf("export const locks")) + 5);
  return machine.replaceAll(/^import .*;\n/gm, (line) => line.includes('"@pbft/edge/machine"') ? line : "");
})();

/** Runs the steps of a test on one cluster. */
function withDev(title: string, args: readonly string[], test: (dev: Dev, t: Deno.TestContext) => Promise<void>): void {
  Deno.test(title, async (t) => {
    await inFolder(async (parent) => {
      const folder = `${parent}/a folder`;
      await Deno.mkdir(folder);
      await Deno.writeTextFile(`${folder}/locks.ts`, LOCKS);
      const dev = await Dev.start(folder, args);
      try {
        await test(dev, t);
      } catch (error) {
        console.error([...dev.out.all, ...dev.err.all].join("\n"));
        throw error;
      } finally {
        dev.interrupt();
        await dev.ended();
      }
    });
  });
}

withDev("pbft dev runs a cluster, and the verbs use it", [], async (dev, t) => {
  const cwd = dev.folder;
  const run = (...args: string[]): Promise<Ran> => pbft(args, { cwd });
  const answers: readonly [args: string[], code: number, out: string, err?: RegExp][] = [
    [["set", "name", "Ada Lovelace"], 0, "OK"],
    [["get", "name"], 0, "Ada Lovelace"],
    [["get", "nobody"], 1, "", /^nobody: no such key$/],
    [["get", "nobody", "--quiet"], 1, ""],
    [["set", "--", "-k", "-v"], 0, "OK"],
    [["get", "--", "-k"], 0, "-v"],
    [["incr", "n"], 0, "1"],
    [["incr", "n", "-5"], 0, "-4"],
    [["incr", "n", "1e3"], 2, "", /^error: BY: expected an integer/],
    [
      ["incr", "name"],
      1,
      "",
      /^error: rejected: .*number \d+, signed by \w+, \w+\)\n {2}key-value\/1 \(\.pbft\/cluster\.json\)$/,
    ],
    [["cas", "name", "Ada Lovelace", "Ada"], 0, "OK"],
    [["cas", "name", "Bob", "Eve"], 1, "Ada", /^not swapped: name is "Ada"$/],
    [["cas", "new", "null", "1"], 0, "OK"],
    [["keys"], 0, "-k\nn\nname\nnew"],
    [["keys", "n", "--limit", "2"], 0, "n\nname"],
    [["keys", "--after", "n", "--json"], 0, `{"result":["name","new"]}`],
    [["del", "new"], 0, "OK"],
    [["del", "new"], 1, "", /no such key/],
    [["call", "INCR n 5"], 0, "1"],
    [["call", "incr", `{"key":"n"}`], 0, "2"],
    [["call", `{"op":"get","key":"n"}`], 0, "2"],
    [["ask", "get", `{"key":"n"}`], 0, "2"],
    [["ask", "SET n 1"], 1, "", /^error: rejected: /],
    [["call", "incr", `{"key":`], 2, "", /^error: JSON: expected JSON, .*\n {2}next: quote it for the shell/],
    [["get"], 2, "", /^error: expected KEY, got nothing \(see pbft get --help\)$/],
    [["get", "a", "b"], 2, "", /^error: b: unexpected argument/],
    [
      ["get", "a", "--colour"],
      2,
      "",
      /^error: Unknown option '--colour' \(see pbft get --help\)\n {2}next: Did you mean --color\?$/,
    ],
    [["get", "a", "--timeout", "0"], 2, "", /^error: --timeout: expected a duration/],
    [["get", "a", "--color", "red"], 2, "", /^error: --color: expected auto, always or never, got "red"/],
    [
      ["get", "a", "--cluster", "nowhere.json"],
      2,
      "",
      /^error: nowhere.json: No such file or directory\n {2}looked in .*\n {2}next: /,
    ],
    [["--cluster", ".pbft", "get", "n"], 0, "2"],
    [["gett"], 2, "", /^error: gett: no such verb .*\n {2}next: did you mean get\?/],
  ];
  for (const [args, code, out, err = /^$/] of answers) {
    await t.step(args.join(" "), async () => {
      const ran = await run(...args);
      assertEquals([ran.code, ran.out], [code, out], ran.err);
      assertMatch(ran.err, err);
    });
  }
  await t.step("watch says where the cluster is if it is asked to begin later", async () => {
    const watching = new Command(PBFT, ["watch", "--from", "1000000", "--cluster", `${cwd}/.pbft`]);
    await watching.err.find(/^number 1000000 is not reached yet: the next one is \d+$/);
    watching.kill("SIGINT");
    assertEquals(await watching.ended(), 0);
  });
  await t.step("--json", async () => {
    const { result, sequence, signedBy, ms } = JSON.parse((await run("set", "a", "b", "--json")).out);
    assertEquals([result, signedBy.length, Number.isInteger(sequence), ms >= 0], ["OK", 2, true, true]);
    const { error, exitCode } = JSON.parse((await run("incr", "a", "--json")).err);
    assertEquals([exitCode, error.startsWith("rejected: ")], [1, true]);
  });
  await t.step("settings by variable and by file", async () => {
    const env = { PBFT_CLUSTER: ".pbft/cluster.json", PBFT_JSON: "true" };
    assertEquals(JSON.parse((await pbft(["get", "a"], { cwd, env })).out).result, "b");
    await Deno.writeTextFile(`${cwd}/settings.json`, `{"json": true, "keys": {"limit": 1}}`);
    assertEquals((await run("keys", "--config", "settings.json")).out, `{"result":["-k"]}`);
    const other = await pbft(["keys", "--config", "settings.json", "--limit", "2"], { cwd, env: { PBFT_LIMIT: "3" } });
    assertEquals(other.out, `{"result":["-k","a"]}`);
    await Deno.writeTextFile(`${cwd}/settings.json`, `{"keys": {"limmit": 1}}`);
    const wrong = await run("keys", "--config", "settings.json");
    assertEquals(wrong.code, 2);
    assertMatch(wrong.err, /^error: settings\.json: keys\.limmit: no such setting; expected some of after, limit/);
    assertMatch(
      (await pbft(["get", "a"], { cwd, env: { PBFT_TIMEOUT: "soon" } })).err,
      /^error: PBFT_TIMEOUT: expected a duration/,
    );
  });
  await t.step("a key of one's own", async () => {
    const made = await run("keygen", "my key");
    assertMatch(made.out, /^[0-9a-f]{64}$/);
    assertEquals((await Deno.stat(`${cwd}/my key`)).mode! & 0o777, 0o600);
    assertEquals((await run("get", "a", "--key", "my key")).out, "b");
    assertEquals((await run("keygen", "my key")).code, 2);
  });
  await t.step("repl reads lines", async () => {
    const input =
      `set r 1\nGET r\n# nothing\n\nINCR r\nnonsense\ncall set {"key":"r","value":"x"}\nask get {"key":"r"}\nexit\nGET r\n`;
    const { code, out, err } = await pbft(["repl"], { cwd, input });
    assertEquals([code, out], [1, "OK\n1\n2\nOK\nx"]);
    assertMatch(err, /^error: rejected: command: expected SET/);
  });
  await t.step("bench measures, and leaves nothing", async () => {
    const { code, out } = await run("bench", "--duration", "300ms", "--callers", "5", "--json");
    const { operations, perSecond, failed } = JSON.parse(out);
    assertEquals([code, failed, operations > 0, perSecond > 0], [0, 0, true, true]);
    assertEquals((await run("get", "pbft-bench")).code, 1);
  });
  await t.step("a cluster file of another cluster is told apart", async () => {
    const file = JSON.parse(await Deno.readTextFile(`${cwd}/.pbft/cluster.json`));
    file.genesis.name = "other";
    await Deno.writeTextFile(`${cwd}/foreign.json`, JSON.stringify(file));
    const { code, err } = await run("get", "a", "--cluster", "foreign.json", "--timeout", "2s");
    assertEquals(code, 3);
    assertMatch(
      err,
      /error: no answer: foreign\.json is of another cluster .*\n {2}.*belong to another cluster.*\n {2}next: /,
    );
  });
  await t.step("with one of four killed it goes on, with two it says so", async () => {
    const pids = await dev.pids();
    assertEquals([...pids.keys()].sort(), ["Apple", "Ball", "Candy", "Dog"]);
    Deno.kill(pids.get("Apple")!, "SIGKILL");
    await dev.err.find(/Apple has stopped \(SIGKILL\)/);
    await dev.err.find(/3 of 4 replicas go on \(Ball, Candy, Dog\); one more failure stops the cluster/);
    assertEquals((await run("set", "a", "c")).code, 0);
    assertEquals((await run("check")).code, 1);
    Deno.kill(pids.get("Ball")!, "SIGKILL");
    await dev.err.find(/no quorum is left: 2 of 4 replicas run \(Candy, Dog\), 3 are needed/);
    const read = await run("get", "a", "--timeout", "2500ms");
    assertEquals([read.code, read.out], [3, ""]);
    assertMatch(read.err, /^waiting: 2 of 4 replicas answer, 3 are needed$/m);
    assertStringIncludes(
      read.err,
      `error: no answer: 2 of 4 replicas answer, 3 are needed
  Apple, Ball refuse the connection; Candy, Dog answer (.pbft/cluster.json)
  next: nothing was changed; look: pbft check`,
    );
    assertEquals((await run("set", "a", "d", "--timeout", "2s")).code, 3);
    const check = await run("check");
    assertEquals(check.code, 3);
    assertMatch(check.out, /^UNAVAILABLE: /);
    assertMatch(check.out, /^no quorum is left: 2 of 4 members answer, 3 are needed; /m);
    assertMatch(check.out, /^next: start Apple, Ball, or check the network to them; they catch up by themselves$/m);
  });
  await t.step("Ctrl-C stops what is left", async () => {
    const pids = [...(await dev.pids()).values()];
    dev.interrupt();
    assertEquals(await dev.ended(), 0);
    await eventually("all replicas are gone", () => !pids.some(isAlive));
  });
});

withDev("pbft dev runs a machine of one's own, and takes up its changes", ["locks.ts", "--memory"], async (dev, t) => {
  const run = (...args: string[]): Promise<Ran> => pbft(args, { cwd: dev.folder });
  const change = (text: string) => Deno.writeTextFile(`${dev.folder}/locks.ts`, text);
  const acquire = ["acquire", JSON.stringify({ lock: "printer", leaseMs: 60_000 })];
  await t.step("call and ask", async () => {
    assertMatch(dev.out.all[0]!, /^locks\/1 on 4 replicas: Apple Ball Candy Dog \(one may fail\) +ready in /);
    assertMatch(dev.out.all[1]!, /^ {2}pids +Apple \d+, Ball \d+, Candy \d+, Dog \d+$/);
    assertEquals(JSON.parse((await run("call", ...acquire)).out).until > 0, true);
    assertMatch((await run("call", ...acquire)).err, /^error: rejected: .*held/);
    assertEquals((await run("ask", "held")).out, `["printer"]`);
  });
  await t.step("repl knows the operations of the machine's file, and refuses the file of another one", async () => {
    const { code, out } = await pbft(["repl", "--machine", "locks.ts"], { cwd: dev.folder, input: "help\n" });
    assertEquals(code, 0);
    assertMatch(out, /^ {2}call acquire JSON$/m);
    assertMatch(out, /^ {2}ask held JSON$/m);
    // A name that it knows is enough, and another one is not sent.
    const input = 'acquire {"lock":"printer","leaseMs":1}\nheld\nhel\n';
    const named = await pbft(["repl", "--machine", "locks.ts"], { cwd: dev.folder, input });
    assertEquals([named.code, named.out], [1, `["printer"]`], named.err);
    assertMatch(
      named.err,
      /^error: rejected: .*held.*error: hel: locks\/1 has no such operation or query\n {2}next: help lists them/s,
    );
    await Deno.mkdir(`${dev.folder}/others`);
    await Deno.writeTextFile(`${dev.folder}/others/locks.ts`, LOCKS.replace("version: 1", "version: 2"));
    const other = await pbft(["repl", "--machine", "others/locks.ts"], { cwd: dev.folder, input: "help\n" });
    assertEquals(other.code, 2);
    assertMatch(other.err, /^error: --machine: others\/locks\.ts is locks\/2, and the cluster runs locks\/1/);
  });
  await t.step("a verb of the key-value machine names the way to this one", async () => {
    for (const args of [["set", "a", "b"], ["get", "a"], ["keys"]]) {
      const { code, err } = await pbft(args, { cwd: dev.folder });
      assertEquals(code, 1, err);
      assertMatch(err, /^error: rejected: malformed .*\n.* {2}next: this cluster runs locks\/1, not the key-value/s);
    }
  });
  await t.step("a change that does not compile is refused, and the replicas go on", async () => {
    await change(LOCKS.replace("return lease;", "return leas;"));
    await dev.err.find(/locks\.ts changed: type check failed/);
    await dev.err.find(/Cannot find name 'leas'/);
    await dev.err.find(/The replicas still run the version before/);
    assertEquals((await run("ask", "held")).out, `["printer"]`);
  });
  await t.step("another version needs a new cluster", async () => {
    await change(LOCKS.replace("version: 1", "version: 2"));
    await dev.err.find(/it is locks\/2 now, and the cluster runs locks\/1; begin anew: .*--fresh/);
  });
  await t.step("one that throws when it is loaded is refused", async () => {
    await change(`${LOCKS}\nif (!import.meta.main) throw new Error("a bug");\n`);
    await dev.err.find(/locks\.ts changed: .*it cannot be loaded: a bug/);
  });
  await t.step("a right one is taken up", async () => {
    await change(LOCKS.replace("([lock]) => lock)", "([lock]) => lock.toUpperCase())"));
    await dev.err.find(/locks\.ts changed: type check ok, not simulated.*, replicas begin anew/);
    assertEquals((await run("ask", "held")).out, "[]");
    await run("call", ...acquire);
    assertEquals((await run("ask", "held")).out, `["PRINTER"]`);
  });
  await t.step("one of which only replicas end does not end dev: the next change starts them again", async () => {
    const taken = () => dev.err.all.filter((line) => line.startsWith("pids: ")).length;
    const before = taken();
    await change(`${LOCKS}\nif (Deno.args.includes("--until-eof")) throw new Error("only in a replica");\n`);
    await dev.err.find(/locks\.ts changed: \w+, \w+, \w+, \w+ ended with it\. The next change starts them again\./);
    await change(LOCKS.replace("([lock]) => lock)", "([lock]) => `the ${lock}`)"));
    await eventually("the replicas run again", () => taken() > before);
    await run("call", ...acquire);
    assertEquals((await run("ask", "held")).out, `["the printer"]`);
  });
});

Deno.test("pbft dev says what is wrong with a machine's file", async () => {
  await inFolder(async (folder) => {
    const files: readonly [name: string, text: string, code: number, error: RegExp][] = [
      [
        "none.ts",
        `export const a = 1;`,
        2,
        /none\.ts: no export makes a state machine\n {2}its exports: a\n {2}next: /,
      ],
      [
        "throws.ts",
        `throw new Error("at start");`,
        1,
        /throws\.ts: it cannot be loaded: at start\n {2}at .*throws\.ts:1/,
      ],
      ["syntax.ts", `export const = 1;`, 1, /syntax\.ts: it cannot be loaded: /],
      [
        "broken.ts",
        `export default () => { throw new Error("no machine today"); };`,
        1,
        /default\(\) threw: no machine today/,
      ],
    ];
    for (const [name, text, code, error] of files) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
      const ran = await pbft(["dev", name, "--port", "0"], { cwd: folder });
      assertEquals([ran.code, ran.out], [code, ""], ran.err);
      assertMatch(ran.err, error);
    }
    const missing = await pbft(["dev", "nowhere.ts"], { cwd: folder });
    assertEquals(missing.code, 2);
    assertMatch(missing.err, /^error: nowhere\.ts: no such file\n {2}next: /);
    assert(![...Deno.readDirSync(folder)].some(({ name }) => name === ".pbft"));
  });
});
