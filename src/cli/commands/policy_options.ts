/**
 * The options that say whom a replica serves, and how much.
 * @module
 */
import { type Policy, policyFromVariables, type PolicyVariable } from "../../runtime/host/policy.ts";
import { CliError, reasonOf } from "../cli_error.ts";

/** For `parseArgs`. */
export const POLICY_OPTIONS = {
  "clients": { type: "string" },
  "cors-origins": { type: "string" },
  "client-limit": { type: "string" },
  "address-limit": { type: "string" },
  "address-header": { type: "string" },
  "readers": { type: "string" },
  "read-token-file": { type: "string" },
  "hosts": { type: "string" },
} as const;

type PolicyOption = keyof typeof POLICY_OPTIONS;

/** What was given of them. */
export type PolicyValues = { readonly [option in PolicyOption]?: string | undefined };

/** What `--help` says of them. */
export const POLICY_HELP = `Whom to serve (lists with commas; all, and as much as they like):

  --clients KEYS          clients with these public keys only; then /req serves nobody
  --cors-origins URLS     pages of these origins too, * for all
  --client-limit N/M      N operations per second of one client, M at once
  --address-limit N/M     N requests per second from one address, M at once
  --address-header NAME   the header in which your proxy says the address; NAME/2 behind two
  --readers ADDRESSES     who reads /status, /evidence, /metrics and /events beside this machine
                          and the other members; everybody
  --read-token-file FILE  and who brings the token in this file
  --hosts NAMES           names of this replica in its own network, beside those in the cluster file`;

const VARIABLES: Readonly<Record<PolicyVariable, PolicyOption>> = {
  PBFT_CLIENTS: "clients",
  PBFT_CORS_ORIGINS: "cors-origins",
  PBFT_CLIENT_LIMIT: "client-limit",
  PBFT_ADDRESS_LIMIT: "address-limit",
  PBFT_ADDRESS_HEADER: "address-header",
  PBFT_READERS: "readers",
  PBFT_READ_TOKEN: "read-token-file",
  PBFT_HOSTS: "hosts",
};

/** What they mean. @throws {CliError} naming the one that is wrong. */
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

/** They as arguments again. */
export function policyArgs(values: PolicyValues): readonly string[] {
  return Object.values(VARIABLES).flatMap((option) =>
    values[option] === undefined ? [] : [`--${option}`, values[option]!]
  );
}
