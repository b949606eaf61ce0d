/**
 * A listener for Deno that survives a lack of file descriptors. `Deno.serve` does not limit connections, does not close idle ones, and ends
 * when it cannot accept a connection because no descriptor is left. In that case this listener binds the port again and shuts the failed
 * server down. This closes the idle connections of the old server: those without a complete request. Requests in progress
 * are answered.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import type { Timer } from "../../node/ports.ts";
import { ANY_ADDRESS, ANY_IPV4_ADDRESS, type ListenAddress } from "./listen_address.ts";

type Server = Pick<Deno.HttpServer<Deno.NetAddr>, "addr" | "finished" | "shutdown">;

/** Options of {@linkcode Listener}. */
export interface ListenerOptions extends ListenAddress {
  readonly handler: Deno.ServeHandler<Deno.NetAddr>;
  readonly timer: Timer;
  /** Called when a connection could not be accepted. */
  readonly onAcceptFailed: (error: unknown) => void;
  /** `Deno.serve`, or a replacement in tests. */
  readonly serve?: (options: Deno.ServeTcpOptions, handler: Deno.ServeHandler<Deno.NetAddr>) => Server;
}

/**
 * The shortest pause between two times that idle connections are closed, ms. It doubles each time, and starts again at `minMs` after the port was
 * open for `forgivenMs`. During the pause nobody can connect; existing connections stay.
 */
const SWEEP_PAUSE = { minMs: 1_000, maxMs: 30_000, forgivenMs: 60_000 };
/** The delay before another attempt to bind a port that is not free yet, ms. It doubles each time. */
const BIND_RETRY = { minMs: 5, maxMs: 1_000 };

/** Listens until `shutdown`. */
export class Listener {
  readonly #options: Required<ListenerOptions>;
  readonly #address: ListenAddress;
  /** Servers that may still have connections. Only the last one accepts new ones. */
  readonly #servers = new Set<Server>();
  #sweptAt = -Infinity;
  #pauseMs = SWEEP_PAUSE.minMs;
  #cancelRetry: () => void = () => {};
  #isClosed = false;

  /** Binds the port. @throws {Deno.errors.AddrInUse} if it is taken. */
  constructor(options: ListenerOptions) {
    this.#options = { serve: (...args) => Deno.serve(...args), ...options };
    const { hostname, port } = options;
    try {
      this.#address = this.#bind({ hostname, port });
    } catch (error) {
      const isTaken = error instanceof Deno.errors.AddrInUse || error instanceof Deno.errors.PermissionDenied;
      if (hostname !== ANY_ADDRESS || isTaken) throw error;
      this.#address = this.#bind({ hostname: ANY_IPV4_ADDRESS, port }); // a machine without IPv6
    }
  }

  /** The address that it listens on. */
  get address(): ListenAddress {
    return this.#address;
  }

  /** Closes the port and idle connections. Resolves when all requests are answered. */
  async shutdown(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRetry();
    await Promise.allSettled([...this.#servers].map((server) => server.shutdown()));
  }

  #bind({ hostname, port }: ListenAddress): ListenAddress {
    const { serve, handler } = this.#options;
    const server = serve({ hostname, port, onListen: () => {} }, handler);
    this.#servers.add(server);
    server.finished.then(
      () => this.#servers.delete(server),
      (error) => this.#onFailed(server, error),
    );
    return { hostname: server.addr.hostname, port: server.addr.port };
  }

  #onFailed(server: Server, error: unknown): void {
    if (this.#isClosed) return;
    this.#options.onAcceptFailed(error);
    const { timer } = this.#options;
    const sinceMs = timer.monotonic() - this.#sweptAt;
    if (sinceMs > SWEEP_PAUSE.forgivenMs) this.#pauseMs = SWEEP_PAUSE.minMs;
    const waitMs = Math.max(0, this.#pauseMs - sinceMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, SWEEP_PAUSE.maxMs);
    this.#cancelRetry = after(timer, waitMs, () => {
      this.#sweptAt = timer.monotonic();
      server.shutdown().catch(() => {}).finally(() => this.#servers.delete(server));
      this.#bindAgain(BIND_RETRY.minMs);
    });
  }

  #bindAgain(delayMs: number): void {
    try {
      this.#bind(this.#address);
    } catch {
      const next = Math.min(2 * delayMs, BIND_RETRY.maxMs);
      this.#cancelRetry = after(this.#options.timer, delayMs, () => this.#bindAgain(next));
    }
  }
}

function after(timer: Timer, ms: number, run: () => void): () => void {
  return timer.schedule(millis(timer.now() + Math.ceil(ms)), run);
}
