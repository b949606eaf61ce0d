/**
 * Everybody who waits for an answer at this node: signed clients with requests and queries, and unsigned ones at the gateway.
 * @module
 */
import type { Input } from "../../core/io.ts";
import type { SignedRequest, Verified } from "../../core/messages/messages.ts";
import type { SignedQuery } from "../../core/messages/queries.ts";
import type { Rejection } from "../ports.ts";
import type { Gateway } from "./gateway.ts";
import type { Submission } from "./submit.ts";

/** The ways in. */
export interface Ways {
  readonly requests: Submission<Verified<SignedRequest>>;
  /** Queries have an intake of their own, so that any number of them delays nothing else. */
  readonly queries: Submission<Verified<SignedQuery>>;
  readonly gateway: Gateway;
}

/** Those who wait. */
export class Callers implements Ways {
  readonly requests: Ways["requests"];
  readonly queries: Ways["queries"];
  readonly gateway: Gateway;

  constructor({ requests, queries, gateway }: Ways) {
    this.requests = requests;
    this.queries = queries;
    this.gateway = gateway;
  }

  /** Whether more has come in than one turn takes. */
  get hasMore(): boolean {
    return this.queries.intake.hasMore || this.requests.intake.hasMore;
  }

  /** Requests and queries that callers wait for here, so that a reloaded replica gets them again. */
  outstanding(): readonly Input[] {
    const requests = [...this.requests.waiters.asked(), ...this.gateway.requests()];
    return [
      ...requests.map((request) => ({ kind: "request", request }) as const),
      ...this.queries.waiters.asked().map((query) => ({ kind: "query", query }) as const),
    ];
  }

  /** The replica has stopped: all of them are told why. */
  refuse(why: (kind: Rejection["kind"]) => Rejection): void {
    this.requests.waiters.resolveAll(why("request"));
    this.queries.waiters.resolveAll(why("query"));
    this.gateway.stop(why("gateway-request"));
  }
}
