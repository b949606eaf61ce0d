/**
 * Serves the page with simulated clusters, which run in the reader's browser.
 * @module
 */
import { problem } from "../../http/problem.ts";
import { createPage, PAGE_HEADERS } from "../../page/page.ts";

/** The path of the simulator's script, relative to the page. */
export const SIMULATOR = "simulator.js";

/** Makes it. The result answers requests. */
export function createSimulationApp(
  version: string,
  simulator: () => Promise<string>,
): { readonly fetch: (request: Request) => Response | Promise<Response> } {
  const page = createPage({ simulator: SIMULATOR, version });
  return {
    fetch: ({ url, method }) => {
      const file = new URL(url).pathname.slice(1);
      if (method !== "GET" && method !== "HEAD") {
        return problem("method-not-allowed", { detail: "the page is only read" });
      }
      if (file === SIMULATOR) return answerSimulator(simulator);
      return page(file) ?? problem("not-found", { detail: "the page is at /" });
    },
  };
}

/** Answers with the simulator's script. */
export async function answerSimulator(simulator: () => Promise<string>): Promise<Response> {
  try {
    return new Response(await simulator(), { headers: { ...PAGE_HEADERS, "content-type": "text/javascript" } });
  } catch (error) {
    return problem("unavailable", { detail: `the simulator cannot be made: ${(error as Error).message}` });
  }
}
