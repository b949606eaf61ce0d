import { assertEquals, assertThrows } from "@std/assert";
import { CliError } from "../../src/cli/cli_error.ts";
import { checkPorts, parseClusterOptions } from "../../src/cli/commands/cluster_options.ts";

Deno.test("without arguments all is left to what is there", () => {
  assertEquals(parseClusterOptions([]), {
    replicas: undefined,
    port: undefined,
    data: ".pbft",
    memory: false,
    fresh: false,
    restart: false,
    page: 1110,
    log: "text",
    help: false,
    policy: [],
  });
});

Deno.test("every option is understood", () => {
  const policy = { "clients": "a".repeat(64), "cors-origins": "*", "client-limit": "5", "address-limit": "5/9" };
  const whom = Object.entries({ ...policy, "address-header": "x-real-ip" }).map(([name, value]) =>
    `--${name}=${value}`
  );
  const args = ["--replicas", "7", "--port=2000", "--data", "x", "--fresh", "--restart", "--log=json", "-h", ...whom];
  assertEquals(parseClusterOptions(args), {
    replicas: 7,
    port: 2000,
    data: "x",
    memory: false,
    fresh: true,
    restart: true,
    page: 1110,
    log: "json",
    help: true,
    policy: whom.flatMap((option) => option.split("=")),
  });
  assertEquals(parseClusterOptions(["--memory", "--replicas", "1", "--port", "0"]).port, 0);
});

for (
  const args of [["--replicas", "3"], ["--replicas", "-4"], ["--replicas", ""], ["--port", "x"], ["--nope"], ["x"], [
    "--data",
    "",
  ]]
) {
  Deno.test(`${args.join(" ")} is a usage error of one line`, () => {
    const error = assertThrows(() => parseClusterOptions(args), CliError);
    assertEquals([error.exitCode, error.message.includes("\n")], [2, false]);
  });
}

Deno.test("ports must be ones that fetch reaches", () => {
  checkPorts([1111, 1112, 65_535]);
  for (const ports of [[1023], [65_536], [5999, 6000], [10_080]]) {
    assertThrows(() => checkPorts(ports), CliError, `${ports.at(-1)}`);
  }
});

Deno.test("--telemetry goes to every replica, and wants a share", () => {
  assertEquals(parseClusterOptions(["--telemetry", "0.01"]).policy, ["--telemetry", "0.01"]);
  assertEquals(parseClusterOptions([]).policy, []);
  for (const share of ["", "1.1", "-1", "all", "0x1", "1e-3"]) {
    assertThrows(
      () => parseClusterOptions([`--telemetry=${share}`]),
      CliError,
      "--telemetry: expected a number from 0 to 1",
    );
  }
});
