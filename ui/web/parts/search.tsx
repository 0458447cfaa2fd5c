/** The field that filters what is shown. */
/** @jsxImportSource preact */

export interface SearchProps {
  /** What is filtered by, for those who do not see the place. */
  readonly word: string;
  readonly placeholder: string;
  readonly text: string;
  readonly onText: (text: string) => void;
  /** The key that leads to it; absent: none, where a view has another field of its own. */
  readonly shortcut?: string;
}

export function Search({ word, placeholder, text, onText, shortcut }: SearchProps) {
  return (
    <label class="search">
      <span class="sr">{word}</span>
      <input
        type="search"
        {...(shortcut !== undefined && { "aria-keyshortcuts": shortcut })}
        placeholder={placeholder}
        value={text}
        onInput={(e) => onText(e.currentTarget.value)}
      />
    </label>
  );
}
