/** The corpus of seeds that once failed. */
import { textOf } from "../tools/files.ts";
import { type Kind, KINDS, type Profile, PROFILES } from "../../src/testing/mod.ts";

export interface OnceFailed {
  readonly seed: number;
  readonly profile: Profile;
  readonly replicas?: number;
  readonly kinds?: readonly Kind[];
  readonly why: string;
}

/** Reads the corpus: a line each, `seed profile[/replicas][+kind] why`; `#` starts a comment. */
export function once(): readonly OnceFailed[] {
  const lines = textOf("tests/testing/once_failed.txt")!.split("\n").filter((line) =>
    line !== "" && !line.startsWith("#")
  );
  return lines.map((line) => {
    const [, seed, profile, replicas, kind, why] = /^(\d+) ([a-z]+)(?:\/(\d+))?(?:\+([a-z-]+))? (.+)$/.exec(line) ?? [];
    if (!seed || !PROFILES.includes(profile as Profile) || (kind && !KINDS.includes(kind as Kind))) {
      throw new TypeError(`expected "seed profile why", got ${line}`);
    }
    return {
      seed: Number(seed),
      profile: profile as Profile,
      why: why!,
      ...(replicas && { replicas: Number(replicas) }),
      ...(kind && { kinds: [kind as Kind] }),
    };
  });
}
