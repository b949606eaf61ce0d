/**
 * The options of a replica's HTTP interface.
 * @module
 */
import type { Timer } from "../node/ports.ts";
import type { AddressOf } from "./middleware/address.ts";
import type { Admission } from "./middleware/admission.ts";
import type { Middleware } from "./middleware/context.ts";
import type { RateLimit } from "./middleware/rate_limit.ts";
import type { Readers } from "./middleware/readers.ts";
import type { Membership } from "./peers/membership.ts";
import type { Upgrade } from "./peers/peer_sockets.ts";
import type { EpochsHost } from "./routes/epochs.ts";

/** Options of `createApp`. Each comment ends with the default. */
export interface AppOptions {
  /** Clock and timers. */
  readonly timer: Timer;
  /** URLs of the members by name. `/status` shows them. None. */
  readonly urls?: Readonly<Record<string, string>>;
  /** How long `POST /req` waits for a quorum before it answers 504, ms: 10,000. */
  readonly requestTimeoutMs?: number;
  /** How long `POST /requests` waits for the execution before it answers 202, ms: 10,000. */
  readonly waitMs?: number;
  /** How long a request body may take to arrive, ms: 10,000. */
  readonly bodyTimeoutMs?: number;
  /**
   * Requests that may wait at `/req`, at `/requests` and at `/queries`, each; more get 429: 2,048. One address may use
   * at most as much as is left for all others.
   */
  readonly maxWaiting?: number;
  /**
   * Bytes of request bodies in memory at once, for known clients; the same again for strangers, and four times as much
   * for members. More get 429: 16 MiB.
   */
  readonly maxHeldBytes?: number;
  /** Open `/events` streams; more get 429: 32. */
  readonly maxSubscribers?: number;
  /** Open `/watch` streams; more get 429: 256. One address may have at most as many as are left for all others. */
  readonly maxWatchers?: number;
  /** Events buffered for one slow subscriber; more are dropped: 256. */
  readonly maxQueuedEvents?: number;
  /**
   * Whether `/events?messages` shows what clients ask: operations, cut to 80 characters, and the names of unsigned
   * clients. Who may read it at all is up to {@linkcode readers}. No: it shows kinds, numbers, views, digests and
   * sizes, and public keys.
   */
  readonly hasEventPayloads?: boolean;
  /** The files of a live page, which is then served at `/page/`; what `createPage` makes. None. */
  readonly page?: (file: string) => Response | null;
  /** Reads the memory of the process, in bytes by kind, for `/metrics`. None. */
  readonly memory?: () => Readonly<Record<string, number>>;
  /**
   * Origins of web pages that may call the clients' routes (`CLIENT_ROUTES`), such as `https://app.example`;
   * `*`: all origins. None: a browser then lets no page of another origin call these routes or read their answers.
   */
  readonly corsOrigins?: readonly string[];
  /**
   * Which clients are served: `open`, all of them. Requests that another member relays are accepted without this check:
   * each member applies its own rule where the client submits.
   */
  readonly admission?: Admission;
  /**
   * Rate limit of one client, for operations and queries. A client is a public key, or at `/req` a name together with
   * an address. None.
   */
  readonly clientLimit?: RateLimit;
  /**
   * Middleware of the host. It runs after the checks above and before the request is submitted; `c.var.submitter` says
   * who submits what. None.
   */
  readonly middleware?: readonly Middleware[];
  /** Rate limit of one address, or of one /64 network for IPv6, for requests to `CLIENT_ROUTES`. None. */
  readonly addressLimit?: RateLimit;
  /**
   * Finds the client's address: by default that of the connection. Behind proxies use `addressFromHeader`.
   */
  readonly address?: AddressOf;
  /**
   * Who may read `READERS_ROUTES`: `everybody`, or callers from listed addresses or with a token. The
   * replica's own machine and the other members always may. Nobody else.
   */
  readonly readers?: Readers;
  /**
   * Host names by which the replica may be called from its own machine and its private network, beside those in
   * {@linkcode urls}; `*`: any name. None.
   */
  readonly hosts?: readonly string[];
  /** The member over its epochs, for `GET /epochs` and `POST /epochs/state`. None: there are no such routes. */
  readonly epochs?: EpochsHost;
  /** Authenticates the other members, so that they have budgets of their own. None: all callers share one budget. */
  readonly membership?: Membership;
  /**
   * Upgrades `GET /messages` to a WebSocket for members that {@linkcode membership} has authenticated;
   * `Deno.upgradeWebSocket`. None: members POST.
   */
  readonly upgradeWebSocket?: Upgrade;
  /** Called with each unexpected error, which is answered with 500. */
  readonly onInternalError?: (error: Error) => void;
  /**
   * Whether a proxy may bring many requests at once on one connection (HTTP/2), as that of Deno Deploy does. No: under Deno such a connection is answered
   * 505, because a stranger could have hundreds of answers kept on each.
   */
  readonly isMultiplexed?: boolean;
  /** When it aborts, event streams, sockets and timers end. */
  readonly signal?: AbortSignal;
}
