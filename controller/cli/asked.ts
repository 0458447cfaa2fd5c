/** What the hub refuses, as an error of the command line. */
import { VmAgentError } from "../base/errors.ts";
import { ApiError } from "../../ui/client/api.ts";

/** A problem that the hub answered, as our own error. */
export async function asked<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new VmAgentError({ code: error.code, message: error.message, next: error.next, cause: error });
  }
}
