import { meaning } from "./catalogue-meaning.ts";

/**
 * Every diagnostic, authored once: a code of words, the sentence it says, the way out, and what
 * `rnnc explain CODE` shows. `{name}` in a sentence is filled from the words of the report. Those of programs that
 * parse are in `catalogue-meaning.ts`.
 */
export interface CatalogueEntry {
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly hint: string | null;
  /** For `rnnc explain`: why this is so, a program that gets it, and the same program mended. */
  readonly about: string;
  readonly example: string;
  readonly mend: string;
}

export const catalogue = {
  ...meaning,

  // ---- syntax -----------------------------------------------------------------------------------------------
  "bad-character": {
    severity: "error",
    message: "`{text}` means nothing in a program.",
    hint: "{way}",
    about:
      "Programs are made of names, numbers, strings, the operators and brackets of the language, and comments.",
    example: "input x : f32[T, 8];\nx >> last >> dense(2)",
    mend: "input x : f32[T, 8]\nx >> last >> dense(2)",
  },
  "bad-number": {
    severity: "error",
    message: "`{text}` is not a number.",
    hint: "{way}",
    about: "Numbers are written `3`, `0.5`, `1e-3`, or `inf`: digits on both sides of a point, and no unit.",
    example: "param w[8] = normal(.1)",
    mend: "param w[8] = normal(0.1)",
  },
  "unclosed-string": {
    severity: "error",
    message: "This string does not end on its line.",
    hint: 'Add the closing `"`.',
    about: "A string stands between double quotes on one line. It has no escapes.",
    example: 'import "cells.rnn\ninput x : f32[T, 8]\nx >> lstm(4)',
    mend: 'import "cells.rnn"\ninput x : f32[T, 8]\nx >> lstm(4)',
  },
  "unclosed-bracket": {
    severity: "error",
    message: "`{open}` is never closed.",
    hint: "Add `{close}`.",
    about: "Every `(`, `[` and `{` needs its partner before the next statement begins.",
    example: "input x : f32[T, 8]\nx >> lstm(128 >> last\noutput y = x",
    mend: "input x : f32[T, 8]\nx >> lstm(128) >> last\noutput y = x",
  },
  "mismatched-bracket": {
    severity: "error",
    message: "`{found}` can't close `{open}`.",
    hint: "Write `{close}`.",
    about: "Brackets close in the opposite order in which they open, each with its own partner.",
    example: "input x : f32[T, 8)\nx >> last",
    mend: "input x : f32[T, 8]\nx >> last",
  },
  "unmatched-bracket": {
    severity: "error",
    message: "`{close}` closes nothing.",
    hint: "Leave it out, or open its partner before.",
    about: "A closing bracket needs an opening one in the same statement.",
    example: "input x : f32[T, 8]\nx >> lstm(128)) >> last",
    mend: "input x : f32[T, 8]\nx >> lstm(128) >> last",
  },
  "empty-brackets": {
    severity: "error",
    message: "There is nothing between `{pair}`.",
    hint: null,
    about: "An index needs a place, a list of axes an axis, and parentheses around a value the value.",
    example: "input x : f32[T, 3]\noutput first = x[]",
    mend: "input x : f32[T, 3]\noutput first = x[0]",
  },
  "trailing-comma": {
    severity: "error",
    message: "Nothing follows this comma.",
    hint: "Leave it out before `{close}`.",
    about: "Commas separate arguments, axes and indices; the last has none after it.",
    example: "let h = lstm(128, peephole,)",
    mend: "let h = lstm(128, peephole)",
  },
  "missing-comma": {
    severity: "error",
    message: "`,` or `{close}` should come before `{found}`.",
    hint: null,
    about: "Arguments, axes and indices are separated by commas.",
    example: "let h = lstm(128 peephole)",
    mend: "let h = lstm(128, peephole)",
  },
  "missing-operand": {
    severity: "error",
    message: "`{sign}` needs a value on its {side}.",
    hint: "{way}",
    about:
      "An operator stands between two values, and `>>` between two stages. Only `-` and `not` stand before one.",
    example: "input a : f32[T, 3]\ninput b : f32[T, 3]\noutput z = a + * b",
    mend: "input a : f32[T, 3]\ninput b : f32[T, 3]\noutput z = a + b",
  },
  "bound-value": {
    severity: "error",
    message: "After `{names}:` one value should follow, the one that they range over.",
    hint: null,
    about: "`sum(s: a[s])` ranges over the axis that `s` indexes in its one value.",
    example: "input a : f32[T, 3]\noutput c = sum(s: )",
    mend: "input a : f32[T, 3]\noutput c = sum(s: a[s])",
  },
  "comparison-chain": {
    severity: "error",
    message: "Comparisons do not chain: `{second}` would compare the outcome of `{first}`.",
    hint: "Compare twice and join the two with `and`.",
    about: "`a < b < c` looks like mathematics but would compare a truth with `c`, so it is refused.",
    example: "input a : f32[T, 3]\noutput inside = if 0 < a < 1 then a else 0",
    mend: "input a : f32[T, 3]\noutput inside = if 0 < a and a < 1 then a else 0",
  },
  "not-in-operator": {
    severity: "error",
    message: "`not` binds looser than the operator before it.",
    hint: "Put parentheses around `not` and its operand.",
    about: "`not` is looser than comparisons and arithmetic: `not a == b` means `not (a == b)`.",
    example: "input a : f32[T, 3]\ninput b : f32[T, 3]\noutput same = if a == not b then 1 else 0",
    mend: "input a : f32[T, 3]\ninput b : f32[T, 3]\noutput same = if a == (not b) then 1 else 0",
  },
  "if-in-operator": {
    severity: "error",
    message: "An `if` after `{sign}` needs parentheses.",
    hint: "Write `{sign} (if … then … else …)`.",
    about: "`if` is looser than every operator but `>>` and extends as far to the right as it can.",
    example: "input a : f32[T, 3]\ninput b : f32[T, 3]\noutput y = a + if a > 0 then a else b",
    mend: "input a : f32[T, 3]\ninput b : f32[T, 3]\noutput y = a + (if a > 0 then a else b)",
  },
  "incomplete-if": {
    severity: "error",
    message: "This `if` has no `{part}`.",
    hint: "A choice is written `if c then a else b`.",
    about: "`if` chooses between two values, so it always has both.",
    example: "input a : f32[T, 3]\noutput y = if a > 0 then a",
    mend: "input a : f32[T, 3]\noutput y = if a > 0 then a else 0",
  },
  "pipe-in-if": {
    severity: "error",
    message: "`>>` inside a choice needs parentheses.",
    hint: "Write `if c then (a >> f) else b`.",
    about: "`>>` is the loosest operator: `if c then a else b >> f` means `(if c then a else b) >> f`.",
    example: "input a : f32[T, 3]\ninput b : f32[T, 3]\noutput y = if a > 0 then a >> relu else b",
    mend: "input a : f32[T, 3]\ninput b : f32[T, 3]\noutput y = if a > 0 then (a >> relu) else b",
  },
  "stray-equals": {
    severity: "error",
    message: "`=` can't stand here: it gives a name its value.",
    hint: "To compare, write `==`.",
    about: "`name = value` is a statement of its own, or an argument with its name.",
    example: "input a : f32[T, 3]\ninput b : f32[T, 3]\noutput y = if a = b then 1 else 0",
    mend: "input a : f32[T, 3]\ninput b : f32[T, 3]\noutput y = if a == b then 1 else 0",
  },
  "stray-bar": {
    severity: "error",
    message: "`|` has no meaning here.",
    hint: "It measures a name, `|x|`, or gives an index its filler, `x[t-1 | 0]`; for a choice of two truths write `or`.",
    about: "There is no operator `|`. Truths are joined by `and` and `or`.",
    example: "input a : f32[T, 3]\ninput b : f32[T, 3]\noutput y = if a > 0 | b > 0 then 1 else 0",
    mend: "input a : f32[T, 3]\ninput b : f32[T, 3]\noutput y = if a > 0 or b > 0 then 1 else 0",
  },
  "length-of-expression": {
    severity: "error",
    message: "Only a name can stand between `|` and `|`.",
    hint: "Name the value first; for a magnitude write `abs(x)`.",
    about:
      "`|x|` is the length of an axis or the size of a vocabulary or feature; it is not an absolute value.",
    example: "input x : f32[T, 3]\noutput y = x / |x + 1|",
    mend: "input x : f32[T, 3]\noutput y = x / (|x| + 1)",
  },
  "call-without-parentheses": {
    severity: "error",
    message: "`{given}` can't follow `{name}` directly.",
    hint: "Arguments stand in parentheses: `{name}({given})`.",
    about: "A stage takes its options, and a function its inputs, in parentheses.",
    example: "input x : f32[T, 3]\noutput h = x >> dense 127",
    mend: "input x : f32[T, 3]\noutput h = x >> dense(127)",
  },
  "keyword-as-name": {
    severity: "error",
    message: "`{name}` is a keyword and can't be a name.",
    hint: "Choose another name, such as `{name}'`.",
    about: "Keywords are reserved everywhere but before the `=` of an argument.",
    example: "fn f(input) { return tanh(input) }",
    mend: "fn f(x) { return tanh(x) }",
  },
  "let-in-body": {
    severity: "error",
    message: "A body has no `{name}`: its equations start with their name.",
    hint: "Write `{given} = …`.",
    about: "`let` and `net` belong to the top level; inside a definition a name is given by its equation.",
    example: "fn f(x) {\n  let y = tanh(x)\n  return y\n}",
    mend: "fn f(x) {\n  y = tanh(x)\n  return y\n}",
  },
  "outside-body": {
    severity: "error",
    message: "`{name}` belongs in the body of a `fn`, `cell` or `loss`.",
    hint: null,
    about:
      "`state`, `return` and `predict` are statements of a body. At the top level results are `output`s.",
    example: "input x : f32[T, 3]\nlet h = x >> last\nreturn h",
    mend: "input x : f32[T, 3]\nlet h = x >> last\noutput h",
  },
  "equation-outside": {
    severity: "error",
    message: "Only in a body can a name be given its value index by index.",
    hint: "Write this equation in a `fn`, and call it.",
    about:
      "At the top level `name = …` names a whole value; equations over axes belong to `fn`, `cell` and `loss`.",
    example: "double[t] = 2 * x[t]",
    mend: "fn double(x[t]) {\n  y[t] = 2 * x[t]\n  return y\n}",
  },
  "expression-in-body": {
    severity: "error",
    message: "This starts no equation: a body is made of equations, and says its result with `return`.",
    hint: "Write `name = …` or `return …`.",
    about: "A value alone in a body would go nowhere. Pipelines alone are statements of the top level.",
    example: "fn f(x) {\n  y = x + 1\n  y >> tanh\n}",
    mend: "fn f(x) {\n  y = x + 1\n  return tanh(y)\n}",
  },
  "body-without-braces": {
    severity: "error",
    message: "The body of `{name}` stands in braces.",
    hint: "Write `{ return … }`.",
    about: "Definitions have a body of equations in braces, even where it is one `return`.",
    example: "fn twice(x) = 2 * x",
    mend: "fn twice(x) { return 2 * x }",
  },
  "setting-punctuation": {
    severity: "error",
    message: "Settings are written without `{sign}`.",
    hint: "Write a key and its value, and then the next key: `batch 16  epochs 20`.",
    about: "Inside `train { … }` a setting is a word followed by its value.",
    example: "train { batch = 16 }",
    mend: "train { batch 16 }",
  },
  "unknown-setting": {
    severity: "error",
    message: "`{block}` has no setting `{key}`; it knows {known}.",
    hint: "Did you mean `{nearest}`?",
    about: "The settings of `train` and `decode` are fixed; a misspelt one must not be ignored.",
    example: "train { optimiser adam(1e-3) }",
    mend: "train { optimizer adam(1e-3) }",
  },
  "setting-value": {
    severity: "error",
    message: "`{key}` is not followed by what it needs.",
    hint: "Write {example}.",
    about: "Each setting has its own values after its key, without parentheses around them.",
    example: "train { clip 5 }",
    mend: "train { clip norm 5 }",
  },
  "unknown-setting-value": {
    severity: "error",
    message: "`{key}` can't be `{word}`; it is one of {known}.",
    hint: "Did you mean `{nearest}`?",
    about: "Optimizers, schedules and norms come from fixed lists.",
    example: "train { optimizer adamm(1e-3) }",
    mend: "train { optimizer adam(1e-3) }",
  },
  "repeated-setting": {
    severity: "error",
    message: "`{key}` is set already.",
    hint: "Leave one of the two out.",
    about: "A setting has one value; of two, one would be ignored.",
    example: "train { batch 16  batch 32 }",
    mend: "train { batch 32 }",
  },
  "unknown-type": {
    severity: "error",
    message: "`{name}` is not a type; the types are `f32`, `token`, `char` and `trigrams`.",
    hint: "Did you mean `{nearest}`?",
    about:
      "Data are numbers (`f32`), integers below a size (`token`), characters (`char`) or word hashes (`trigrams`).",
    example: "input words : tokens(100)[T]\nwords >> embed(8)",
    mend: "input words : token(100)[T]\nwords >> embed(8)",
  },
  "number-vocabulary": {
    severity: "error",
    message: "`f32` has no vocabulary.",
    hint: "Axes and sizes stand in brackets: `f32[T, 39]`.",
    about: "Only tokens, characters and trigrams have a vocabulary.",
    example: "input x : f32(39)[T]\nx >> lstm(8)",
    mend: "input x : f32[T, 39]\nx >> lstm(8)",
  },
  "nested-too-deep": {
    severity: "error",
    message: "This nests deeper than {limit} levels.",
    hint: "Name a part of it with an equation or a `let`.",
    about:
      "Brackets, choices and operators in a row are limited, so that no program can exhaust the compiler's stack.",
    example: `let x = ${"(".repeat(65)}1${")".repeat(65)}`,
    mend: "let x = 1",
  },
  "import-without-file": {
    severity: "error",
    message: "`import` takes a file of definitions, as a string.",
    hint: 'Layers, losses and optimisers need no import: leave this line out. Definitions of your own come by `import "cells.rnn"`.',
    about:
      "The standard library is always there. What is imported are the statements of another `.rnn` file.",
    example: "import torch\ninput x : f32[T, 8]\nx >> lstm(4)",
    mend: "input x : f32[T, 8]\nx >> lstm(4)",
  },
  "unfinished-statement": {
    severity: "error",
    message: "The statement breaks off after `{previous}`, where {expected} is due.",
    hint: null,
    about: "The next statement, or the end of the file, came before this one was complete.",
    example: "let memory\nlet code = 1",
    mend: "let memory = 0\nlet code = 1",
  },
  "unexpected-token": {
    severity: "error",
    message: "Here {expected} is due, not {found}.",
    hint: "{way}",
    about: "The text follows none of the language's forms from this place on.",
    example: "let 3 = x",
    mend: "let x = 3",
  },
} as const satisfies Record<string, CatalogueEntry>;

export type Code = keyof typeof catalogue;
