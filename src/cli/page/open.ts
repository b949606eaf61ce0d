/**
 * Opens a page in the browser.
 * @module
 */
import { spawn } from "node:child_process";
import process from "node:process";

/** Windows' shell would take the `&` of a link for the end of the command. */
const OPENERS: Readonly<Record<string, readonly string[]>> = {
  darwin: ["open"],
  win32: ["rundll32", "url.dll,FileProtocolHandler"],
};

/** Opens it, where there is a browser. */
export function openInBrowser(url: string): void {
  const [program, ...args] = OPENERS[process.platform] ?? ["xdg-open"];
  const child = spawn(program!, [...args, url], { stdio: "ignore", detached: true });
  child.on("error", () => {});
  // Deno has nothing to let go of where the program is not there.
  if (child.pid !== undefined) child.unref();
}
