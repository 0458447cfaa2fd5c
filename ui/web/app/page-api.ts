/** The API of the hub that gave the page. */
import { type Api, createApi } from "../../client/api.ts";

/** Milliseconds for an answer: a connection that died unseen must not hold the page for minutes. */
const DEADLINE = 20_000;

export const createPageApi = (token: string): Api =>
  createApi({ url: location.origin, token, deadline: DEADLINE });
