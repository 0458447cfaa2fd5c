/** The lines of a screen as Ink draws them: one text a row, drawn again only when it is another line. */
/** @jsxImportSource react */
import { Box, Text } from "ink";
import { memo } from "react";
import type { Tone } from "../../client/tones.ts";
import type { Line, Span } from "./line.ts";

const COLORS = {
  good: "green",
  warn: "yellow",
  bad: "red",
  accent: "cyan",
} as const satisfies Partial<Record<Tone, string>>;

const Part = ({
  part: { text, tone, bold, inverse },
  color,
}: {
  readonly part: Span;
  readonly color: boolean;
}) => {
  const ink = color && tone && tone !== "dim" ? { color: COLORS[tone] } : {};
  return (
    <Text {...ink} bold={bold ?? false} inverse={inverse ?? false} dimColor={color && tone === "dim"}>
      {text}
    </Text>
  );
};

const Row = memo(({ line, color }: { readonly line: Line; readonly color: boolean }) => (
  <Text wrap="truncate">
    {line.length === 0 ? " " : line.map((part, i) => <Part key={i} part={part} color={color} />)}
  </Text>
));

export function Rows({ lines, color }: { readonly lines: readonly Line[]; readonly color: boolean }) {
  return (
    <Box flexDirection="column">
      {lines.map((line, i) => (
        <Row key={i} line={line} color={color} />
      ))}
    </Box>
  );
}
