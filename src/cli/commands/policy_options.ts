/**
 * The options for the clients that a replica serves, and for its rate limits.
 * @module
 */
import { type Policy, policyFromVariables, type PolicyVariable } from "../../runtime/host/policy.ts";
import { CliError, reasonOf } from "../cli_error.ts";

/** The options for `parseArgs`. */
export const POLICY_OPTIONS = {
  "clients": { type: "string" },
  "cors-origins": { type: "string" },
  "client-limit": { type: "string" },
  "address-limit": { type: "string" },
  "address-header": { type: "string" },
  "readers": { type: "string" },
  "read-token-file": { type: "string" },
  "hosts": { type: "string" },
  "event-payloads": { type: "string" },
} as const;

type PolicyOption = keyof typeof POLICY_OPTIONS;

/** The given values. */
export type PolicyValues = { readonly [option in PolicyOption]?: string | undefined };

/** The help text of these options. */
export const POLICY_HELP = `Clients and limits (lists have commas; by default everybody is served, without limits):

  --clients KEYS          serve only clients with these public keys; /req then serves nobody
  --cors-origins URLS     serve pages of these origins too; * for all
  --client-limit N/M      N operations per second of one client, at most M at once
  --address-limit N/M     N requests per second from one address, at most M at once
  --address-header NAME   header in which your proxy gives the address; NAME/2 behind two proxies
  --readers ADDRESSES     addresses that may read /status, /evidence, /metrics and /events, in
                          addition to this machine and the other members; or everybody
  --read-token-file FILE  a file with a token; requests with it may read them too
  --hosts NAMES           names of this replica in its own network, in addition to the cluster file
  --event-payloads yes    show operations and clients' names in /events?messages (no)`;

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
  try {
    return policyFromVariables((name) => {
      const value = values[VARIABLES[name]];
      return name === "PBFT_READ_TOKEN" && value !== undefined ? Deno.readTextFileSync(value) : value;
    });
  } catch (error) {
    const message = reasonOf(error).replace(/^[A-Z_]+(?=:)/, (name) => `--${VARIABLES[name as PolicyVariable]}`);
    throw new CliError(`${message} (see --help)`, 2);
  }
}

/** The values as arguments again. */
export function policyArgs(values: PolicyValues): readonly string[] {
  return Object.values(VARIABLES).flatMap((option) =>
    values[option] === undefined ? [] : [`--${option}`, values[option]!]
  );
}
