/**
 * `see`: the page with simulated clusters: a seed, a lesson, or a cluster to play with.
 * @module
 */
import { LinkError, parseLink } from "../../../page/link.ts";
import { CliError, EXIT } from "../../cli_error.ts";
import { natural } from "../../numbers.ts";
import { openInBrowser } from "../../page/open.ts";
import { PAGE_PORT } from "../../page/port.ts";
import { serveSimulations } from "../../page/serve_page.ts";
import { OPEN_FLAG } from "../../parser/flags.ts";
import { type Call, defineVerb, type Flags } from "../../parser/verb.ts";
import { listenForStop } from "../../stop_signals.ts";

const FLAGS = {
  "port": { value: "PORT", help: `the page's port on 127.0.0.1; another one if it is taken (${PAGE_PORT})` },
  ...OPEN_FLAG,
} as const satisfies Flags;

/** The verb. */
export const verb = defineVerb({
  about: "Serves a page that simulates a cluster in your browser: replay a seed, take a lesson, or play.",
  args: [{
    name: "LINK",
    help: "what to show, as simulate prints it: seed=7 or seed=7&profile=byzantine&at=1204 (a cluster to play with)",
    isOptional: true,
  }],
  flags: FLAGS,
  notes: "Prints the page's address. It loads nothing from other hosts. Ctrl-C stops it.",
  run: see,
});

async function see({ args: [link = "play=4"], values, terminal }: Call<typeof FLAGS>): Promise<number> {
  const fragment = link.replace(/^.*#/, "");
  check(fragment);
  const port = natural("--port", values.port ?? `${PAGE_PORT}`, { min: 0, max: 65_535 });
  const { requested } = listenForStop();
  const page = await serveSimulations({ port });
  const address = `${page.link}#${fragment}`;
  terminal.print(terminal.isJson ? JSON.stringify({ address }) : address);
  if (values.open) openInBrowser(address);
  await new Promise<void>((resolve) => {
    if (requested.aborted) return resolve();
    requested.addEventListener("abort", () => resolve(), { once: true });
  });
  await page.close();
  return EXIT.done;
}

function check(fragment: string): void {
  const wrong = (why: string) => new CliError(`LINK: ${why}`, EXIT.usage, { next: "pbft see seed=7" });
  try {
    if (!parseLink(fragment)) throw wrong("expected seed=…, play=… or lesson=…");
  } catch (error) {
    throw error instanceof LinkError ? wrong(error.message) : error;
  }
}
