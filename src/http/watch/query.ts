/**
 * The parameters of `GET /watch`.
 * @module
 */
import type { Watched } from "../../wire/mod.ts";
import { Problem } from "../problem.ts";

/** The longest key or prefix, characters. */
const MAX_KEY = 2_048;

/** The subject of a watch. @throws {Problem} if it is not one key, one prefix, or the batches. */
export function watchedOf(query: URLSearchParams): Watched {
  const given = (["key", "prefix", "batches"] as const).flatMap((name) =>
    query.getAll(name).map((value) => [name, value] as const)
  );
  const [name, value] = given[0] ?? [];
  if (given.length !== 1 || value === undefined) {
    throw malformed(`expected one of the parameters key, prefix and batches, got ${given.length}`);
  }
  if (name === "batches") return { batches: true };
  if (value.length > MAX_KEY) {
    throw malformed(`${name}: expected at most ${MAX_KEY} characters, got ${value.length}`);
  }
  return name === "key" ? { key: value } : { prefix: value };
}

/** The number to begin at; `null`: the present. @throws {Problem} if it is none. */
export function fromOf(query: URLSearchParams): number | null {
  const text = query.get("from");
  if (text === null) return null;
  if (/^[1-9][0-9]{0,14}$/.test(text)) return Number(text);
  throw malformed(`from: expected a positive integer of at most 15 digits, got ${JSON.stringify(text.slice(0, 40))}`);
}

function malformed(detail: string): Problem {
  return new Problem("malformed", { detail });
}
