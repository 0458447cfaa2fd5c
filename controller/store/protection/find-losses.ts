/** What commands that only look say of losses: those on record, and what a start would find now. */
import { DatabaseSync } from "node:sqlite";
import { isLocked } from "../lock.ts";
import { locate, unreadable } from "./locate.ts";
import { type Loss, readLosses } from "./loss.ts";
import { PAGE_SIZE } from "./page-sums.ts";
import { closeSync, openSync, readSync } from "node:fs";
import { LATEST } from "../sqlite/migrate.ts";
import { schemaOf, verify } from "./verify.ts";

/**
 * While another process writes, its own start has looked, and files in motion would not fit each other. No database of this
 * process may be open at `path`.
 */
export function findLosses(home: string, path: string, now: number): readonly Loss[] {
  const recorded = readLosses(path);
  if (isLocked(home)) return recorded;
  const { loss } = verify(path, now);
  // A newer version may keep other records.
  if (!loss || isLocked(home) || schemaOf(path) > LATEST) return recorded;
  return [...recorded, withNames(path, loss)];
}

/** As far as that goes without the first look of a writer, which sets a damaged log aside. */
function withNames(path: string, loss: Loss): Loss {
  if (loss.pages.length === 0) return loss;
  let file = -1;
  try {
    const db = new DatabaseSync(path, { readOnly: true, timeout: 1000 });
    try {
      file = openSync(path, "r");
      const readPage = (page: number) => {
        const content = Buffer.alloc(PAGE_SIZE);
        readSync(file, content, 0, PAGE_SIZE, (page - 1) * PAGE_SIZE);
        return content;
      };
      try {
        const pages = loss.pages.map(({ page }) => page);
        return { ...loss, pages: locate(db, pages, readPage) };
      } catch {
        return {
          ...loss,
          unverified: [...loss.unverified, ...unreadable(db).map((what) => `${what} cannot be read`)],
        };
      }
    } finally {
      db.close();
    }
  } catch {
    return loss;
  } finally {
    if (file >= 0) closeSync(file);
  }
}
