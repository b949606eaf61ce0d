/** The Durable Object of the example, that counts the rows it reads and writes as Cloudflare does, and says so at /costs. */
import {
  type ObjectContext,
  type ReplicaEnvironment,
  ReplicaObject,
  replicaWorker,
} from "../../src/runtime/cloudflare.ts";

interface Cursor extends Iterable<unknown> {
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

/** Of all instances one after the other: the object is put to sleep when there is nothing to do. */
const counts: Record<string, number> = {
  "POST /messages": 0,
  "POST /requests": 0,
  "rows read": 0,
  "rows written": 0,
  "alarms set": 0,
  "alarms fired": 0,
  starts: 0,
};

export class Replica extends ReplicaObject {
  constructor(context: ObjectContext, env: ReplicaEnvironment) {
    counts.starts!++;
    const { storage } = context;
    const exec: typeof storage.sql.exec = (query, ...bindings) => {
      const cursor = storage.sql.exec(query, ...bindings) as unknown as Cursor;
      const rows = [...cursor];
      counts["rows read"]! += cursor.rowsRead;
      counts["rows written"]! += cursor.rowsWritten;
      return rows as Record<string, string>[];
    };
    super({
      storage: {
        sql: { exec },
        transactionSync: (run) => storage.transactionSync(run),
        sync: () => storage.sync(),
        setAlarm: (at) => (counts["alarms set"]!++, storage.setAlarm(at)),
      },
      waitUntil: (promise) => context.waitUntil(promise),
    }, env);
  }

  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/costs") return Response.json(counts);
    const route = `${request.method} ${pathname}`;
    if (route in counts) counts[route]!++;
    return await super.fetch(request);
  }

  override async alarm(): Promise<void> {
    counts["alarms fired"]!++;
    await super.alarm();
  }
}

export default replicaWorker;
