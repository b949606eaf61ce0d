/** The parser and what is made of the verbs: help, reference, completion. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { main } from "../../src/cli/mod.ts";
import { CliError } from "../../src/cli/cli_error.ts";
import { parse } from "../../src/cli/parser/parse.ts";
import { completed, located } from "../../src/cli/parser/settings.ts";
import { inFolder } from "../tools/folder.ts";
import { durationMs } from "../../src/cli/parser/duration.ts";
import { helpOf } from "../../src/cli/parser/help.ts";
import { hasColors } from "../../src/cli/terminal.ts";
import { VERBS } from "../../src/cli/verbs.ts";
import { VERSION } from "../../src/cli/version.ts";
import { formattedPage } from "../tools/command_page.ts";
import { textOf } from "../tools/files.ts";
import { pbft } from "./_dev.ts";

async function printed(...args: string[]): Promise<{ readonly code: number; readonly text: string }> {
  const lines: string[] = [];
  const code = await main(args, (line) => lines.push(line));
  return { code, text: lines.join("\n") };
}

Deno.test("docs/command.md is what the verbs say; deno run -A tests/tools/command_page.ts writes it", async () => {
  assertEquals(textOf("docs/command.md"), await formattedPage());
});

Deno.test("the help names every verb, and each verb helps whatever else is wrong", async () => {
  const { code, text } = await printed("--help");
  assertEquals(code, 0);
  for (const { name, summary, isHidden, load } of VERBS) {
    assertEquals(text.includes(`  ${name.padEnd(2)}`) && text.includes(summary), !isHidden, name);
    const { verb } = await load();
    const help = helpOf(name, verb);
    for (const flag of [...Object.keys(verb.flags), "json", "help"]) {
      assert(help.includes(`--${flag}`), `${name} --${flag}`);
    }
    assert(help.split("\n").every((line) => line.length <= 120), help);
    assertEquals(await printed(name, "--nonsense", "--help"), { code: 0, text: help });
    assertEquals(await printed("help", name), { code: 0, text: help });
  }
});

Deno.test("a verb's name is short and its flags have the same meaning everywhere", async () => {
  const meanings = new Map<string, string>();
  for (const { name, load } of VERBS) {
    assertMatch(name, /^[a-z]{2,12}$/);
    for (const [flag, { value }] of Object.entries<{ readonly value?: string }>((await load()).verb.flags)) {
      assertMatch(flag, /^[a-z]+(-[a-z]+)*$/);
      const kind = value === undefined ? "a switch" : "a value";
      assertEquals(meanings.get(flag) ?? kind, kind, `${name} --${flag}`);
      meanings.set(flag, kind);
    }
  }
});

Deno.test("the version is that of deno.json", async () => {
  assertEquals(VERSION, JSON.parse(textOf("deno.json")!).version);
  assertEquals(JSON.parse((await printed("version", "--json")).text).version, VERSION);
  assertMatch((await printed("--version")).text, /^pbft \d+\.\d+\.\d+ \(deno \d+/);
});

Deno.test("durations have a unit, or are seconds", () => {
  assertEquals(["500ms", "10s", "2m", "1.5s", "3"].map((text) => durationMs("--timeout", text)), [
    500,
    10_000,
    120_000,
    1_500,
    3_000,
  ]);
  for (const text of ["", "0", "-1s", "1h", "s", "1e3", "Infinity", "9999999m"]) {
    let error: unknown;
    try {
      durationMs("--timeout", text);
    } catch (thrown) {
      error = thrown;
    }
    assert(error instanceof CliError && error.exitCode === 2, text);
  }
});

Deno.test("there are colors on a terminal, unless NO_COLOR is set", () => {
  assertEquals([hasColors("auto", true, {}), hasColors("auto", false, {}), hasColors("always", false, {})], [
    true,
    false,
    true,
  ]);
  const plain = { NO_COLOR: "1" };
  assertEquals(
    [hasColors("auto", true, plain), hasColors("always", true, plain), hasColors("never", true, plain)],
    [false, true, false],
  );
  assertEquals(hasColors("auto", true, { TERM: "dumb" }), false);
});

Deno.test("wrong arguments are errors with the exit code 2", async () => {
  for (
    const args of [["get"], ["get", "a", "b"], ["nonsense"], ["--nonsense"], ["get", "a", "--cluster"], [
      "get",
      "a",
      "--json=x",
    ]]
  ) {
    const { exitCode, message } = await assertRejects(() => main(args, () => {}), CliError);
    assertEquals([exitCode, message.includes("\n")], [2, false], args.join(" "));
  }
});

Deno.test("completion in bash offers verbs, flags, values and files", async () => {
  const script = (await printed("completion", "bash")).text;
  const complete = async (...words: string[]) => {
    const line = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _pbft`;
    const { stdout } = await new Deno.Command("bash", {
      args: ["-c", `${script}\n${line}; printf '%s\\n' "\${COMPREPLY[@]}"`],
    })
      .output();
    return new TextDecoder().decode(stdout).trim();
  };
  assertEquals(await complete("pbft", "ge"), "get");
  assertEquals(await complete("pbft", "get", "--ti"), "--timeout");
  assertEquals(await complete("pbft", "get", "--color", "al"), "always");
  assertEquals(await complete("pbft", "dev", "deno.js"), "deno.json");
  // As bash divides --flag=value, and a file whose name has spaces.
  assertEquals(await complete("pbft", "serve", "--start", "=", "rec"), "recover");
  assertEquals(await complete("pbft", "get", "--cluster", "=", "deno.js"), "deno.json");
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/my machine.ts`, "");
    assertEquals(await complete("pbft", "dev", `${folder}/my`), `${folder}/my machine.ts`);
  });
  for (const { name, isHidden } of VERBS) assertEquals(script.includes(` ${name}) COMPREPLY`), !isHidden, name);
  const zsh = (await printed("completion", "zsh")).text;
  // A colon is a colon, and what may be repeated is offered again.
  assertMatch(zsh, /'--color=\[colors: auto/);
  assertMatch(zsh, /'\*--add=\[/);
  // No argument without an action: zsh would complete no flag.
  assert(!zsh.includes(":argument:'"), "an argument without an action");
  for (const shell of ["zsh", "fish"]) {
    assertMatch((await printed("completion", shell)).text, /pbft[^]*--?timeout|-l timeout/);
  }
  assertEquals(await complete("pbft", "members", "pro"), "propose");
  assertEquals(await complete("pbft", "members", "sign", "deno.js"), "deno.json");
  assertEquals(await complete("pbft", "completion", "z"), "zsh");
  assertEquals((await pbft(["completion", "tcsh"])).code, 2);
});

async function isInstalled(shell: string): Promise<boolean> {
  try {
    return (await new Deno.Command(shell, { args: ["-c", "true"] }).output()).success;
  } catch { // thrown at once, not by the promise
    return false;
  }
}

for (const [shell, ...check] of [["bash", "-n"], ["zsh", "-n"], ["fish", "-n"]] as const) {
  const isHere = await isInstalled(shell);
  Deno.test({
    name: `${shell} can read the script for it`,
    ignore: !isHere,
    fn: () =>
      inFolder(async (folder) => {
        await Deno.writeTextFile(`${folder}/script`, (await printed("completion", shell)).text);
        const { success, stderr } = await new Deno.Command(shell, { args: [...check, `${folder}/script`] }).output();
        assert(success, new TextDecoder().decode(stderr));
        if (shell !== "fish") return;
        const lines = ["pbft ge", "pbft members pro", "pbft get --ti", "pbft help ge", "pbft serve --start rec"];
        // The last two: files are offered where a file is wanted only.
        await Deno.writeTextFile(`${folder}/a_file`, "");
        lines.push("pbft watch --limit a_f", "pbft get --key a_f");
        const asked = lines.map((line) => `complete -C '${line}'`);
        const args = ["--no-config", "-c", `source ${folder}/script; ${asked.join("; ")}`];
        const { stdout } = await new Deno.Command(shell, { args, cwd: folder, env: { HOME: folder } }).output();
        const words = new TextDecoder().decode(stdout).trim().split("\n").map((line) => line.split("\t")[0]);
        assertEquals(words, ["get", "propose", "--timeout", "get", "recover", "a_file"]);
      }),
  });
}

Deno.test("a verb that is misspelt is told with the ones that are near", async () => {
  for (
    const [word, next] of [
      ["gte", "did you mean get?"],
      ["sett", "did you mean set?"],
      ["simulat", "did you mean simulate?"],
      ["chekc", "did you mean check?"],
      ["xyzzy", "pbft --help lists all verbs"],
    ] as const
  ) {
    const { lines } = await assertRejects(() => main([word], () => {}), CliError);
    assertEquals(lines.next, next, word);
  }
});

Deno.test("a setting at the top of the file that no verb has is an error that names it", async () => {
  await inFolder(async (folder) => {
    const file = `${folder}/pbft.json`;
    const attempt = async (settings: unknown) => {
      await Deno.writeTextFile(file, JSON.stringify(settings));
      return await assertRejects(() => main(["completion", "tcsh", "--config", file], () => {}), CliError);
    };
    assertMatch(
      (await attempt({ timeuot: "5s" })).message,
      /pbft\.json: timeuot: expected cluster, .*or the name of a verb/,
    );
    assertEquals((await attempt({ timeuot: "5s" })).lines.next, "did you mean timeout?");
    assertMatch((await attempt({ devv: { replicas: 7 } })).message, /devv/);
    const rest = await attempt({ $schema: "", timeout: "5s", dev: { replicas: 7 } });
    assertMatch(rest.message, /^SHELL/);
  });
});

Deno.test("a flag that may be repeated is a list, also in the settings file", async () => {
  const flags = { add: { value: "NAME", isList: true, help: "a member" } } as const;
  assertEquals(parse({ name: "pbft x", flags }, ["--add", "a", "--add=b"]).values.add, ["a", "b"]);
  await inFolder(async (folder) => {
    const variable = (name: string) => name === "PBFT_CONFIG" ? `${folder}/pbft.json` : undefined;
    await Deno.writeTextFile(`${folder}/pbft.json`, JSON.stringify({ x: { add: ["a", "b"] } }));
    assertEquals(completed(flags, {}, { verb: "x", variable }).values.add, ["a", "b"]);
    await Deno.writeTextFile(`${folder}/pbft.json`, JSON.stringify({ x: { add: [{}] } }));
    await assertRejects(
      () => Promise.resolve().then(() => completed(flags, {}, { verb: "x", variable })),
      CliError,
      "add: expected a text, got {}",
    );
  });
});

Deno.test("an error of a verb names the place where the wrong setting is: the flag, the variable, or the file's field", async () => {
  const flags = {
    timeout: { value: "TIME", help: "how long" },
    key: { value: "FILE", help: "a key" },
  } as const;
  await inFolder(async (folder) => {
    const file = `${folder}/pbft.json`;
    await Deno.writeTextFile(file, JSON.stringify({ x: { timeout: "soon", key: "a.key" } }));
    const placed = (given: Record<string, string>, variables: Record<string, string>, message: string) => {
      const variable = (name: string) => name === "PBFT_CONFIG" ? file : variables[name];
      const error = located(
        new CliError(message, 2, { next: "look" }),
        completed(flags, given, { verb: "x", variable }),
      ) as CliError;
      assertEquals([error.exitCode, error.lines.next], [2, "look"]);
      return error.message;
    };
    const timeout = "--timeout: expected a duration";
    assertEquals(placed({ timeout: "soon" }, {}, timeout), timeout);
    assertEquals(placed({}, { PBFT_TIMEOUT: "soon" }, timeout), "PBFT_TIMEOUT: expected a duration");
    assertEquals(placed({}, {}, timeout), `${file}: timeout: expected a duration`);
    assertEquals(placed({}, {}, "a.key: no such file"), `${file}: key: a.key: no such file`);
    assertEquals(placed({ key: "a.key" }, {}, "a.key: no such file"), "a.key: no such file");
    assertEquals(placed({}, {}, "--other: no"), "--other: no");
  });
});
