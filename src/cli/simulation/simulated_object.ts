/**
 * A stand-in for the storage of a Durable Object: a SQLite database in memory with Cloudflare's limits.
 * @module
 */
import process from "node:process";
import type { StatementSync } from "node:sqlite";
import type { DurableObjectStorage, SqlValue } from "../../stores/durable_object.ts";
import { DURABLE_OBJECT_LIMITS } from "../../stores/platform_limits.ts";

/** Makes an empty storage. */
export function simulatedObjectStorage(): DurableObjectStorage {
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
  const database = new DatabaseSync(":memory:");
  const prepared = new Map<string, StatementSync>();
  const statementOf = (query: string): StatementSync => {
    let statement = prepared.get(query);
    if (!statement) prepared.set(query, statement = database.prepare(query));
    return statement;
  };
  return {
    sql: {
      exec: (query, ...bindings) => {
        assertWithinLimits(query, bindings);
        const rows = statementOf(query).all(...bindings as (string | number | null | Uint8Array)[]);
        return rows.map((row) => {
          const copy: Record<string, SqlValue> = {};
          for (const name of Object.keys(row)) copy[name] = sqlValue(row[name]);
          return copy;
        });
      },
    },
    transactionSync(run) {
      database.exec("BEGIN");
      try {
        const result = run();
        database.exec("COMMIT");
        return result;
      } catch (error) {
        database.exec("ROLLBACK");
        throw error;
      }
    },
    sync: () => Promise.resolve(),
  };
}

/** Checks Cloudflare's limits. The bindings of a statement that writes form at most one row. */
function assertWithinLimits(query: string, bindings: readonly (SqlValue | Uint8Array)[]): void {
  const { maxBoundParameters, maxStatementBytes, maxRowBytes } = DURABLE_OBJECT_LIMITS;
  if (query.length > maxStatementBytes) throw new Error(`statement too long: ${query.length} bytes: SQLITE_ERROR`);
  if (bindings.length > maxBoundParameters) {
    throw new Error(`too many SQL parameters: ${bindings.length}: SQLITE_ERROR`);
  }
  const rowBytes = bindings.reduce<number>((sum, value) => sum + sqlBytes(value), 0);
  if (rowBytes > maxRowBytes) throw new Error(`string or blob too big: ${rowBytes} bytes: SQLITE_TOOBIG`);
}

const encoder = new TextEncoder();

function sqlBytes(value: SqlValue | Uint8Array): number {
  if (typeof value === "string") return encoder.encode(value).length;
  return value === null || typeof value === "number" ? 0 : value.byteLength;
}

function sqlValue(value: unknown): SqlValue {
  return value instanceof Uint8Array ? value.slice().buffer : value as SqlValue;
}
