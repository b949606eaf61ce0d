/**
 * The first state of a typed machine on a cluster that ran a former version of it.
 * @module
 */
import type { Migrate, MigrationSteps, StreamedMigration } from "../../core/epochs/migrate.ts";
import { streamedEntries } from "./migrate_entries.ts";
import { TypedMachine } from "./typed_machine.ts";
import type { Definition } from "./types.ts";
import { ignore, isThenable } from "./values/schema.ts";

/** How the state of the version before becomes the first state of this one. */
export function migrationTo(definition: Definition): Migrate | StreamedMigration {
  const { from, state, entries } = definition.migrate!;
  if (entries) return streamedEntries(definition, from.definition, entries);
  if (!state) return unchanged;
  return (chunks, { timestamp: time, sequence }) => {
    const [former, next] = [new TypedMachine(from.definition), new TypedMachine(definition)];
    former.restore(chunks);
    former.within((old) => {
      next.within((made) => {
        const returned: unknown = state(old, made, { time, sequence });
        if (!isThenable(returned)) return;
        ignore(returned);
        throw new TypeError("migrate.state: expected a function that is done when it returns, got a promise");
      }, { time, mayWrite: true });
    }, { time, mayWrite: false });
    return next.takeChanges();
  };
}

const unchanged: StreamedMigration = {
  *stream(ids): MigrationSteps {
    for (const id of ids) yield [id, (yield id)!];
  },
};
