/**
 * Opens a page in the browser.
 * @module
 */
import { spawn } from "node:child_process";
import process from "node:process";

/** Opens it, where there is a browser. */
export function openInBrowser(url: string): void {
  const openers: Readonly<Record<string, readonly string[]>> = { darwin: ["open"], win32: ["cmd", "/c", "start", ""] };
  const [program, ...args] = openers[process.platform] ?? ["xdg-open"];
  const child = spawn(program!, [...args, url], { stdio: "ignore", detached: true });
  child.on("error", () => {});
  child.unref();
}
