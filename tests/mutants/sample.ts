/**
 * Fresh mutants, made by rule from the code as it is: they measure the net, as nobody wrote them to be caught. Whoever survives is a scenario
 * that the simulator lacks, or a change that changes nothing: somebody has to look.
 * @module
 */
import { Random } from "../../src/testing/mod.ts";
import { filesUnder, textOf } from "../tools/files.ts";
import type { Edit } from "./mutant.ts";
import { changesOf, type Rule } from "./rules.ts";

/** Where they are made. */
const FOLDERS = ["src/core", "src/node", "src/stores", "src/client"];

/** A mutant that was made by rule. */
export interface Sampled {
  readonly rule: Rule;
  /** `file:line: before -> after` */
  readonly words: string;
  readonly edits: readonly Edit[];
}

/** So many different ones from a seed; each rule is as likely as it has places, each file as it has lines. */
export function sampleMutants(count: number, seed: number, folders: readonly string[] = FOLDERS): readonly Sampled[] {
  const all = folders.flatMap((folder) => filesUnder(folder, ".ts")).flatMap((file) => mutantsOf(file, textOf(file)!));
  return new Random(seed).shuffled(all).slice(0, count);
}

/** All that the rules make of a file. */
export function mutantsOf(file: string, text: string): readonly Sampled[] {
  const lines = text.split("\n");
  return lines.flatMap((line, i) =>
    changesOf(line).flatMap(({ rule, line: changed }): readonly Sampled[] => {
      const edit = editOf(lines, i, changed);
      const words = `${file}:${i + 1}: ${line.trim()} -> ${changed.trim()}`;
      return edit === null ? [] : [{ rule, words, edits: [{ file, ...edit }] }];
    })
  );
}

/** With as many lines around it as make the place unique. */
function editOf(lines: readonly string[], at: number, changed: string): Omit<Edit, "file"> | null {
  const text = lines.join("\n");
  for (let around = 0; around < 8; around++) {
    const [from, to] = [Math.max(0, at - around), Math.min(lines.length, at + around + 1)];
    const find = lines.slice(from, to).join("\n");
    if (text.split(find).length !== 2) continue;
    return { find, replace: [...lines.slice(from, at), changed, ...lines.slice(at + 1, to)].join("\n") };
  }
  return null;
}
