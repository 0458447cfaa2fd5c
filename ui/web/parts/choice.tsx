/** One of a few words; what is chosen other than the first is marked. */
/** @jsxImportSource preact */

export interface ChoiceProps {
  /** What is chosen, for those who do not see the place. */
  readonly word: string;
  readonly value: string;
  readonly options: readonly { readonly value: string; readonly text: string }[];
  readonly onChoose: (value: string) => void;
}

export function Choice({ word, value, options, onChoose }: ChoiceProps) {
  return (
    <select
      aria-label={word}
      class={value === options[0]?.value ? "choice" : "choice chosen"}
      value={value}
      onChange={(e) => onChoose(e.currentTarget.value)}
    >
      {options.map((o) => (
        <option key={o.value} value={o.value}>
          {o.text}
        </option>
      ))}
    </select>
  );
}
