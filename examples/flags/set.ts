/**
 * Sets a flag. The first one who does so is the first editor; who else may edit, `--allow` says.
 *
 *     deno run -A --no-lock examples/flags/set.ts NAME [--percent 25] [--audience country=de,at] [--value true] [--off] [--remove]
 *     deno run -A --no-lock examples/flags/set.ts --allow PUBLIC_KEY
 */
import { createClient, RejectedError } from "@pbft/edge/client";
import { argumentsOf, clusterIn, command, patiently, UsageError } from "../command.ts";
import { keyIn } from "../key_file.ts";
import { flags, type Value } from "./machine.ts";

await command(async () => {
  const { values, positionals: [name] } = argumentsOf({
    allowPositionals: true,
    options: {
      percent: { type: "string", default: "100" },
      audience: { type: "string", multiple: true, default: [] },
      value: { type: "string", default: "true" },
      off: { type: "boolean", default: false },
      remove: { type: "boolean", default: false },
      allow: { type: "string" },
      key: { type: "string", default: "editor.key" },
      cluster: { type: "string", default: ".pbft/cluster.json" },
    },
  });
  if ((name === undefined) === (values.allow === undefined)) {
    throw new UsageError(
      "usage: set.ts NAME [--percent P] [--audience ATTRIBUTE=VALUE,…] [--value V] [--off] [--remove]; or --allow KEY",
    );
  }
  const cluster = await clusterIn(values.cluster, flags.version);
  const rule = {
    audience: audienceOf(values.audience),
    percent: percentOf(values.percent),
    value: valueOf(values.value),
  };
  const privateKey = await keyIn(values.key, "it is an editor's");
  const client = createClient(flags, { cluster, keyPair: { privateKey } });
  try {
    if (name === undefined) {
      await patiently(client.allow({ editor: values.allow!, isAllowed: true }), cluster);
      console.log(`${values.allow} may edit`);
    } else if (values.remove) {
      const isRemoved = await patiently(client.remove(name), cluster);
      console.log(isRemoved ? `${name} is removed` : `there was no ${name}`);
    } else {
      const otherwise = typeof rule.value === "boolean" ? !rule.value : "";
      const setting = { isOn: !values.off, rules: [rule], otherwise };
      const { revision } = await patiently(client.set({ name, setting }), cluster);
      console.log(`${name} is ${values.off ? "off" : "on"}, revision ${revision}`);
    }
  } catch (error) {
    if (!(error instanceof RejectedError)) throw error;
    console.error(`not changed: ${wordsOf(error)}`);
    Deno.exitCode = 1;
  } finally {
    client.close();
  }
});

/** What the machine's errors mean. */
function wordsOf({ error, detail }: RejectedError): string {
  if (error === "notEditor") return "your key is no editor's; an editor adds it with --allow KEY";
  if (error === "lastEditor") return "one editor must remain";
  return detail === undefined ? error : `${error} ${JSON.stringify(detail)}`;
}

function valueOf(text: string): Value {
  return text === "true" ? true : text === "false" ? false : text;
}

/** `country=de,at` */
function audienceOf(texts: readonly string[]): Record<string, string[]> {
  return Object.fromEntries(texts.map((text) => {
    const [, attribute, list] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (list === undefined) throw new UsageError(`--audience: expected ATTRIBUTE=VALUE,…, got ${JSON.stringify(text)}`);
    return [attribute, list.split(",")];
  }));
}

function percentOf(text: string): number {
  const percent = Number(text);
  if (text.trim() !== "" && percent >= 0 && percent <= 100) return percent;
  throw new UsageError(`--percent: expected 0 to 100, got ${JSON.stringify(text)}`);
}
