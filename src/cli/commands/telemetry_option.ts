/**
 * The flag `--telemetry`: traces and metrics through OpenTelemetry.
 * @module
 */
import type { ReplicaTelemetry } from "../../telemetry/mod.ts";
import { CliError, codeOf, EXIT } from "../cli_error.ts";
import type { Flags } from "../parser/verb.ts";

/** The flag. */
export const TELEMETRY_FLAG = {
  "telemetry": {
    value: "SHARE",
    help:
      "record traces and metrics with the OpenTelemetry SDK of the process: the share of requests that are traced, 0 to 1",
  },
} as const satisfies Flags;

/** The share of requests. @throws {CliError} if it is none. */
export function telemetryShare(text: string): number {
  const share = /^[0-9]{0,9}(\.[0-9]{1,9})?$/.test(text) && text !== "" ? Number(text) : NaN;
  if (share >= 0 && share <= 1) return share;
  throw new CliError(
    `--telemetry: expected a number from 0 to 1, got ${JSON.stringify(text)} (see --help)`,
    EXIT.usage,
  );
}

/**
 * The observer of a replica. OpenTelemetry is loaded here, and only if it is wanted.
 * @throws {CliError} if it is not installed.
 */
export async function createTelemetry(name: string, sampleRatio: number): Promise<ReplicaTelemetry> {
  try {
    const { ReplicaTelemetry } = await import("../../telemetry/mod.ts");
    return new ReplicaTelemetry({ name, sampleRatio });
  } catch (error) {
    if (codeOf(error) !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new CliError("--telemetry: @opentelemetry/api is not installed: npm install @opentelemetry/api");
  }
}
