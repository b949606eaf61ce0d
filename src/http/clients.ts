/**
 * Which clients are served, and how much each may ask. It is a matter of where a request is submitted, and of this host alone: what is
 * ordered is valid whatever anybody's host would have admitted.
 * @module
 */
import type { ClientId } from "../core/ids.ts";
import type { Timer } from "../node/ports.ts";
import type { SubmitOptions } from "../node/node.ts";
import { decodeFrame, wireLimits } from "../wire/mod.ts";
import type { HostedNode } from "./hosted_node.ts";
import { Problem } from "./problem.ts";
import { MAX_KEYS, type RateLimit, tooOften } from "./rate_limit.ts";
import { TokenBuckets } from "./token_buckets.ts";

/** Who wants to submit something. */
export interface Applicant {
  /** Where: an unsigned operation, a signed one, or a signed read. */
  readonly route: "/req" | "/requests" | "/queries";
  /** The public key that the request names, 64 hex digits; its signature is checked after. `null` at `/req`. */
  readonly client: ClientId | null;
  /** The `clientID` at `/req`, which nothing proves; `null` elsewhere. */
  readonly name: string | null;
  /** The HTTP request, for what a host may want to know of it. Its body has been read. */
  readonly request: Request;
}

/**
 * Which clients are admitted: all (`open`); those with these public keys, and none at `/req`, where nobody proves anything; or whom a
 * function admits. A function that fails admits nobody: the answer is 500.
 */
export type Admission =
  | "open"
  | { readonly allowlist: readonly string[] }
  | ((applicant: Applicant) => boolean | Promise<boolean>);

/** What {@linkcode Clients} needs. */
export interface ClientsOptions {
  readonly node: HostedNode;
  readonly timer: Pick<Timer, "monotonic">;
  readonly admission: Admission;
  /** Operations of one client, and its reads; none: as many as it likes. */
  readonly limit?: RateLimit | undefined;
}

/** A signed request on its way in. */
export interface Entrance {
  /** For the node, once the signature was checked. */
  readonly admit: NonNullable<SubmitOptions["admit"]>;
  /** @throws {Problem} if the client asks too often. */
  check(): void;
}

/** The clients of one host. */
export class Clients {
  /** Whether everybody may ask whatever he likes. */
  readonly isOpen: boolean;
  readonly #node: HostedNode;
  readonly #admits: ((applicant: Applicant) => boolean | Promise<boolean>) | null;
  readonly #buckets: TokenBuckets | null;

  /** @throws {TypeError} if the allowlist has what is not a public key; {@linkcode RangeError} if the limit is none. */
  constructor({ node, timer, admission, limit }: ClientsOptions) {
    this.#node = node;
    this.#admits = admission === "open" ? null : typeof admission === "function" ? admission : listed(admission);
    this.#buckets = limit ? new TokenBuckets({ limit, maxKeys: MAX_KEYS, now: () => timer.monotonic() }) : null;
    this.isOpen = this.#admits === null && this.#buckets === null;
  }

  /** An unsigned operation. @throws {Problem} 403 or 429. */
  async enterUnsigned(name: string, request: Request): Promise<void> {
    await this.#check({ route: "/req", client: null, name, request });
    const seconds = this.#buckets?.take(`name ${name}`) ?? 0;
    if (seconds > 0) throw tooOften(seconds, `clientID ${JSON.stringify(name)}`);
  }

  /** A signed frame: first whether its client is admitted at all. @throws {Problem} 403. */
  async enter(frame: Uint8Array, route: "/requests" | "/queries", request: Request): Promise<Entrance> {
    if (this.#admits !== null) {
      const client = this.#clientOf(frame);
      if (client !== null) await this.#check({ route, client, name: null, request });
    }
    const kind = route === "/requests" ? "request" : "query";
    let seconds = 0;
    return {
      // Not before the signature was checked, or anybody could use up what another may.
      admit: (client, operations) => {
        seconds = this.#buckets?.take(`key ${client}`, Math.max(1, operations)) ?? 0;
        if (seconds === 0) return null;
        return { reason: "overloaded", kind, detail: "the client may not ask so often" };
      },
      check() {
        if (seconds > 0) throw tooOften(seconds, "the client");
      },
    };
  }

  async #check(applicant: Applicant): Promise<void> {
    if (this.#admits === null || await this.#admits(applicant)) return;
    const { client, name } = applicant;
    const who = client === null ? `clientID ${JSON.stringify(name)}` : `the client with key ${client}`;
    throw new Problem("not-admitted", { detail: `${who} is not admitted at ${applicant.route} of this replica` });
  }

  /** `null`: it is no client's frame; the node will say what is wrong with it. */
  #clientOf(frame: Uint8Array): ClientId | null {
    try {
      const { message } = decodeFrame(frame, wireLimits(this.#node.genesis)).signed;
      return message.kind === "request" || message.kind === "query" ? message.client : null;
    } catch {
      return null;
    }
  }
}

function listed({ allowlist }: { readonly allowlist: readonly string[] }): (applicant: Applicant) => boolean {
  const wrong = allowlist.findIndex((key) => !/^[0-9a-f]{64}$/.test(key));
  if (wrong >= 0) {
    throw new TypeError(`allowlist[${wrong}]: expected a public key, 64 lower-case hex digits, got something else`);
  }
  const keys = new Set<string>(allowlist);
  return ({ client }) => client !== null && keys.has(client);
}
