/**
 * Writes docs/command.md from the verbs themselves: `deno run -A tests/tools/command_page.ts`.
 * @module
 */
import { usageOf } from "../../src/cli/parser/help.ts";
import { variableOf } from "../../src/cli/parser/settings.ts";
import { COMMON_FLAGS, type Flag, type Flags } from "../../src/cli/parser/verb.ts";
import { VERBS } from "../../src/cli/verbs.ts";
import { root } from "./files.ts";

const HEAD = `# The command pbft

One command starts clusters, uses them, looks at them and tries them. This page is generated: \`deno run -A tests/tools/command_page.ts\`.

\`\`\`sh ignore
deno run -A jsr:@pbft/edge/cli dev   # Deno
npx @pbft/edge dev                   # Node 20.16 and later
deno run -A src/cli/mod.ts dev       # in this repository
\`\`\`

\`dev\` starts four replicas with the key-value machine, or with the machine that a file exports: \`pbft dev bank.ts\`. In another terminal:

\`\`\`sh ignore
pbft set name Ada
pbft get name
pbft check
\`\`\`

## Rules

- **Output.** Results are on standard output, words for people on standard error. \`--json\` prints one JSON object; errors are then JSON too.
- **Errors** say what happened, what was looked at, and what to do next.
- **Settings.** A flag counts before a variable, and a variable before the file \`pbft.json\` (\`--config FILE\`). The names are the same:
  \`--timeout 5s\`, \`PBFT_TIMEOUT=5s\`, \`{"timeout": "5s"}\`. In the file, settings of one verb stand below its name: \`{"dev": {"replicas": 7}}\`.
- **The cluster** is \`--cluster FILE\`, or the first of \`.pbft/cluster.json\`, \`.pbft/memory/cluster.json\` and \`pbft/cluster.json\` that answers.

| exit code | meaning                                                              |
| --------- | -------------------------------------------------------------------- |
| 0         | done                                                                 |
| 1         | no: the operation was rejected, a check failed, a seed violated an invariant         |
| 2         | wrong use: arguments, settings or files                              |
| 3         | too few replicas can be reached; nothing was changed                 |
| 4         | the operation may or may not have been executed; read before sending again |
| 5         | the replicas do not serve this client                                |
| 70        | a bug of this package                                                |

Every verb has these flags:

`;

/** The text of the page. */
export async function commandPage(): Promise<string> {
  const sections = await Promise.all(
    VERBS.filter(({ isHidden }) => !isHidden).map(async ({ name, load }) => {
      const { verb } = await load();
      const lines = [
        `## pbft ${name}`,
        "",
        "```text",
        `pbft ${name} ${usageOf(verb)}`,
        "```",
        "",
        escaped(verb.about),
        "",
      ];
      const args = verb.args ?? [];
      if (args.length > 0) lines.push(...rows("argument", args.map(({ name, help }) => [`\`${name}\``, help])), "");
      if (Object.keys(verb.flags).length > 0) lines.push(...flagRows(verb.flags), "");
      if (verb.notes) lines.push(...notesOf(verb.notes), "");
      return lines.join("\n");
    }),
  );
  return `${HEAD}${flagRows(COMMON_FLAGS).join("\n")}\n\n${sections.join("\n")}`;
}

function flagRows(flags: Flags): readonly string[] {
  return rows(
    "flag",
    Object.entries<Flag>(flags).map(([name, { value, help, short, isLocal }]) => {
      const names = `\`${short ? `-${short}, ` : ""}--${name}${value ? ` ${value}` : ""}\``;
      return [names, `${help}${isLocal || name === "config" ? "" : ` (\`${variableOf(name)}\`)`}`];
    }),
  );
}

function rows(head: string, cells: readonly (readonly [string, string])[]): readonly string[] {
  return [`| ${head} | meaning |`, "| --- | --- |", ...cells.map(([name, help]) => `| ${name} | ${escaped(help)} |`)];
}

/** Notes: paragraphs, and examples as code. */
function notesOf(notes: string): readonly string[] {
  return notes.trim().split("\n\n").flatMap((paragraph) => {
    const lines = paragraph.split("\n");
    const examples = lines.filter((line) => line.startsWith("  "));
    if (examples.length === 0) return [escaped(lines.join(" ")), ""];
    const words = lines.filter((line) => !line.startsWith("  "));
    return [escaped(words.join(" ")), "", "```sh ignore", ...examples.map((line) => line.trim()), "```", ""];
  }).slice(0, -1);
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("*", "\\*").replaceAll("<", "&lt;");
}

/** The page as `deno fmt` writes it. */
export async function formattedPage(): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext", "md", "-"],
    cwd: root,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(await commandPage()));
  await writer.close();
  return new TextDecoder().decode((await child.output()).stdout);
}

if (import.meta.main) await Deno.writeTextFile(new URL("docs/command.md", root), await formattedPage());
