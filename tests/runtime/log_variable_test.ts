import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { replicaId, view } from "../../src/core/messages/ids.ts";
import { logFromVariable } from "../../src/runtime/log/variable.ts";
import { systemTimer } from "../../src/runtime/host/system_timer.ts";
import { genesisOf, keyPairOf, NAMES } from "../node/_cluster.ts";

const cluster = {
  genesis: genesisOf(4),
  urls: Object.fromEntries(NAMES.map((name) => [name, `https://${name}.example`])),
};
const identity = { cluster, self: replicaId(2), privateKey: keyPairOf(3).privateKey };

function linesOf(value: string | undefined): string[] {
  const { log } = console;
  const lines: string[] = [];
  console.log = (line: string) => lines.push(line);
  try {
    const event = { kind: "new-view", view: view(1), primary: replicaId(1), prepared: 0 } as const;
    logFromVariable(() => value, identity, systemTimer())?.onEvent(event);
  } finally {
    console.log = log;
  }
  return lines;
}

Deno.test("PBFT_LOG says how a replica that reads its environment logs: as text, as JSON, or not at all", () => {
  assertStringIncludes(linesOf(undefined)[0]!, "INFO  Candy  a new view has started  view=1 primary=Ball");
  assertEquals(JSON.parse(linesOf("json")[0]!).event, "new-view");
  assertEquals(linesOf("none"), []);
  assertThrows(() => linesOf("xml"), TypeError, 'PBFT_LOG: expected text, json or none, got "xml"');
});
