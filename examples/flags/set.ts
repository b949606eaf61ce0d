/**
 * Sets a flag. The first one who does so is the first editor; who else may edit, `--allow` says.
 *
 *     deno run -A --no-lock examples/flags/set.ts NAME [--percent 25] [--audience country=de,at] [--value true] [--off] [--remove]
 *     deno run -A --no-lock examples/flags/set.ts --allow PUBLIC_KEY
 */
import { createClient, parseClusterText, RejectedError } from "@pbft/edge/client";
import { parseArgs } from "node:util";
import { keyIn } from "../key_file.ts";
import { flags, type Value } from "./machine.ts";

const { values, positionals: [name] } = parseArgs({
  args: Deno.args,
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
  console.error(
    "usage: set.ts NAME [--percent P] [--audience ATTRIBUTE=VALUE,…] [--value V] [--off] [--remove]; or --allow KEY",
  );
  Deno.exit(2);
}

const cluster = parseClusterText(await Deno.readTextFile(values.cluster));
const privateKey = await keyIn(values.key, "it is an editor's");
const client = createClient(flags, { cluster, keyPair: { privateKey } });
try {
  if (values.allow !== undefined) {
    await client.allow({ editor: values.allow, isAllowed: true });
    console.log(`${values.allow} may edit`);
  } else if (values.remove) {
    console.log(await client.remove(name!) ? `${name} is removed` : `there was no ${name}`);
  } else {
    const value = valueOf(values.value);
    const rule = { audience: audienceOf(values.audience), percent: Number(values.percent), value };
    const otherwise = typeof value === "boolean" ? !value : "";
    const setting = { isOn: !values.off, rules: [rule], otherwise };
    const { revision } = await client.set({ name: name!, setting });
    console.log(`${name} is ${values.off ? "off" : "on"}, revision ${revision}`);
  }
} catch (error) {
  if (!(error instanceof RejectedError)) throw error;
  console.error(`not changed: ${wordsOf(error)}`);
  Deno.exitCode = 1;
} finally {
  client.close();
}

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
    const [attribute = "", list = ""] = text.split("=");
    return [attribute, list.split(",")];
  }));
}
