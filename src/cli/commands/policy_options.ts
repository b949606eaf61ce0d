/**
 * The options for the clients that a replica serves, and for its rate limits.
 * @module
 */
import { readFileSync } from "node:fs";
import { type Policy, policyFromVariables, type PolicyVariable } from "../../runtime/host/policy.ts";
import { CliError, EXIT, reasonOf } from "../cli_error.ts";
import { required } from "../parser/required.ts";
import type { Flags } from "../parser/verb.ts";

/** The flags: lists have commas. By default everybody is served, without limits. */
export const POLICY_FLAGS = {
  "clients": { value: "KEYS", help: "serve only clients with these public keys; /req then serves nobody" },
  "cors-origins": { value: "URLS", help: "serve pages of these origins too; * for all" },
  "client-limit": { value: "N/M", help: "N operations per second of one client, at most M at once" },
  "address-limit": { value: "N/M", help: "N requests per second from one address, at most M at once" },
  "address-header": {
    value: "NAME",
    help: "header in which your proxy gives the address; NAME/2 behind two proxies",
  },
  "readers": {
    value: "ADDRESSES",
    help:
      "addresses that may read /status, /evidence, /metrics and /events, in addition to this machine and the other " +
      "members; or everybody",
  },
  "read-token-file": { value: "FILE", isFile: true, help: "a file with a token; requests with it may read them too" },
  "hosts": { value: "NAMES", help: "names of this replica in its own network, in addition to the cluster file" },
  "event-payloads": { value: "yes", help: "show operations and clients' names in /events?messages (no)" },
} as const satisfies Flags;

type PolicyOption = keyof typeof POLICY_FLAGS;

/** The given values. */
export type PolicyValues = { readonly [option in PolicyOption]?: string | undefined };

const VARIABLES: Readonly<Record<PolicyVariable, PolicyOption>> = {
  PBFT_CLIENTS: "clients",
  PBFT_CORS_ORIGINS: "cors-origins",
  PBFT_CLIENT_LIMIT: "client-limit",
  PBFT_ADDRESS_LIMIT: "address-limit",
  PBFT_ADDRESS_HEADER: "address-header",
  PBFT_READERS: "readers",
  PBFT_READ_TOKEN: "read-token-file",
  PBFT_HOSTS: "hosts",
  PBFT_EVENT_PAYLOADS: "event-payloads",
};

/** The policy of these values. @throws {CliError} naming the option that is wrong. */
export function policyOf(values: PolicyValues): Policy {
  // An empty variable of a shell must not open a replica to everybody.
  for (const option of Object.values(VARIABLES)) {
    if (values[option] !== undefined) required(values[option].trim(), option);
  }
  try {
    return policyFromVariables((name) => {
      const value = values[VARIABLES[name]];
      return name === "PBFT_READ_TOKEN" && value !== undefined ? tokenIn(value) : value;
    });
  } catch (error) {
    const message = reasonOf(error).replace(/^[A-Z_]+(?=:)/, (name) => `--${VARIABLES[name as PolicyVariable]}`);
    throw new CliError(`${message} (see --help)`, EXIT.usage);
  }
}

/** The token in a file. An empty file is an error, because it would mean no token at all. */
function tokenIn(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new TypeError(`PBFT_READ_TOKEN: ${path}: ${reasonOf(error)}`);
  }
  if (text !== "") return text;
  throw new TypeError(`PBFT_READ_TOKEN: ${path}: expected a token, got an empty file`);
}

/** The values as arguments again. */
export function policyArgs(values: PolicyValues): readonly string[] {
  return Object.values(VARIABLES).flatMap((option) =>
    values[option] === undefined ? [] : [`--${option}`, values[option]!]
  );
}
