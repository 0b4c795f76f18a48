/** Typed calls over postMessage: one side serves a table of functions, the other calls them. */

/** What a worker offers. Handlers may be asynchronous. */
export type Calls<T> = { [K in keyof T]: (...args: never[]) => unknown };

interface Request {
  readonly id: number;
  readonly name: string;
  readonly args: unknown[];
}

interface Failure {
  readonly name: string;
  readonly message: string;
}

type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: Failure };

/** The part of Worker, MessagePort and a worker's global scope that calls need. */
export interface Endpoint {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
}

/** An answer whose buffers move to the caller instead of being copied. */
export class Moved<V> {
  constructor(
    readonly value: V,
    readonly transfer: Transferable[],
  ) {}
}

type Answer<R> = Awaited<R> extends Moved<infer V> ? V : Awaited<R>;

/** Answers calls by `handlers`. Errors travel by name and message. */
export function serve<T extends Calls<T>>(endpoint: Endpoint, handlers: T): void {
  endpoint.addEventListener("message", async (event) => {
    const { id, name, args } = event.data as Request;
    try {
      const handler = handlers[name as keyof T] as unknown as (...args: unknown[]) => unknown;
      const value = await handler(...args);
      if (value instanceof Moved) endpoint.postMessage({ id, value: value.value }, value.transfer);
      else endpoint.postMessage({ id, value }, []);
    } catch (error) {
      const { name: kind, message } = error instanceof Error ? error : new Error(String(error));
      endpoint.postMessage({ id, failure: { name: kind, message } }, []);
    }
  });
}

/** Calls functions that the other side of `endpoint` serves. */
export class Client<T extends Calls<T>> {
  private next = 0;
  private gone: Error | undefined;
  private readonly waiting = new Map<
    number,
    { resolve: (value: never) => void; reject: (error: Error) => void }
  >();

  constructor(private readonly endpoint: Endpoint) {
    endpoint.addEventListener("message", (event) => {
      const reply = event.data as Reply;
      const waiting = this.waiting.get(reply.id);
      this.waiting.delete(reply.id);
      if ("failure" in reply) {
        const error = new Error(reply.failure.message);
        error.name = reply.failure.name;
        waiting?.reject(error);
      } else waiting?.resolve(reply.value as never);
    });
  }

  /** Calls `name`; buffers in `transfer` move to the other side. */
  call<K extends keyof T & string>(
    name: K,
    args: Parameters<T[K]>,
    transfer: Transferable[] = [],
  ): Promise<Answer<ReturnType<T[K]>>> {
    if (this.gone) return Promise.reject(this.gone); // nobody would answer
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.endpoint.postMessage({ id, name, args } satisfies Request, transfer);
    });
  }

  /** Calls `name` where nobody waits for the answer; a failure is only noted for developers. */
  tell<K extends keyof T & string>(name: K, args: Parameters<T[K]>, transfer: Transferable[] = []): void {
    this.call(name, args, transfer).catch(console.warn);
  }

  /** Lets every call fail, also later ones, for when the other side is gone. */
  fail(error: Error): void {
    this.gone = error;
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}
