/**
 * The grammar, in Chevrotain's terms: tokens in, a concrete syntax tree out. `grammar/rnn.ebnf` is printed
 * from it. This is the upper half, statements and definitions.
 *
 * Only statements, bodies and parameters resynchronise after an error: they are where a reader would go on.
 * Chevrotain records each rule by running it once, which is why rules are fields and why they look sequential.
 */
import type { IToken } from "chevrotain";
import { ExpressionParser } from "./grammar-expressions.ts";
import { isSettingKey, shapeOf } from "./settings.ts";
import * as t from "./tokens.ts";

const { starters } = t;
export class RnnParser extends ExpressionParser {
  constructor(validate = false) {
    super(validate);
    this.performSelfAnalysis();
  }

  // ---- statements -----------------------------------------------------------------------------------------

  readonly program = this.RULE("program", () => {
    this.MANY(() => this.SUBRULE(this.statement));
  });

  readonly statement = this.RULE("statement", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.importStatement) },
      { ALT: () => this.SUBRULE(this.data) },
      { ALT: () => this.SUBRULE(this.paramStatement) },
      { ALT: () => this.SUBRULE(this.binding) },
      { ALT: () => this.SUBRULE(this.definition) },
      { ALT: () => this.SUBRULE(this.outputStatement) },
      { ALT: () => this.SUBRULE(this.minimizeStatement) },
      { ALT: () => this.SUBRULE(this.settings) },
      { ALT: () => this.SUBRULE(this.pipeline) },
    ]);
    this.CONSUME(t.End);
  });

  readonly importStatement = this.inner("importStatement", () => {
    this.CONSUME(starters.import);
    this.CONSUME(t.StringToken);
  });

  readonly data = this.inner("data", () => {
    this.OR([
      { ALT: () => this.CONSUME(starters.input, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(starters.target, { LABEL: "keyword" }) },
    ]);
    this.CONSUME(t.Name);
    this.CONSUME(t.Colon);
    this.SUBRULE(this.type);
  });

  readonly type = this.inner("type", () => {
    this.CONSUME(t.Name);
    this.OPTION(() => {
      this.CONSUME(t.LParen);
      this.SUBRULE(this.expression);
      this.CONSUME(t.RParen);
    });
    this.OPTION1(() => this.SUBRULE(this.axes));
  });

  readonly paramStatement = this.inner("paramStatement", () => {
    this.OR([
      { ALT: () => this.CONSUME(starters.param, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(t.BodyParam, { LABEL: "keyword" }) },
    ]);
    this.SUBRULE(this.shaped);
  });

  /** A name with its axes and its start: what `param` and `state` declare. */
  readonly shaped = this.inner("shaped", () => {
    this.CONSUME(t.Name);
    this.OPTION(() => this.SUBRULE(this.axes));
    this.OPTION1(() => {
      this.CONSUME(t.Equals);
      this.SUBRULE(this.expression);
    });
  });

  readonly binding = this.inner("binding", () => {
    this.OR([
      {
        ALT: () => {
          this.OR1([
            { ALT: () => this.CONSUME(starters.let, { LABEL: "keyword" }) },
            { ALT: () => this.CONSUME(starters.net, { LABEL: "keyword" }) },
          ]);
          this.CONSUME(t.Name, { LABEL: "name" });
        },
      },
      { ALT: () => this.CONSUME(t.Defines, { LABEL: "name" }) },
    ]);
    this.CONSUME(t.Equals);
    this.SUBRULE(this.expression);
  });

  readonly outputStatement = this.inner("outputStatement", () => {
    this.CONSUME(starters.output);
    this.CONSUME(t.Name);
    this.OPTION(() => {
      this.CONSUME(t.Equals);
      this.SUBRULE(this.expression);
    });
  });

  readonly minimizeStatement = this.inner("minimizeStatement", () => {
    this.CONSUME(starters.minimize);
    this.OPTION(() => {
      this.CONSUME(t.Name);
      this.CONSUME(t.Colon);
    });
    this.SUBRULE(this.expression);
  });

  readonly pipeline = this.inner("pipeline", () => {
    this.CONSUME(t.Begin);
    this.SUBRULE(this.expression);
  });

  // ---- definitions ----------------------------------------------------------------------------------------

  readonly definition = this.inner("definition", () => {
    this.OR([
      { ALT: () => this.CONSUME(starters.fn, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(starters.cell, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(starters.loss, { LABEL: "keyword" }) },
    ]);
    this.CONSUME(t.Name);
    this.SUBRULE(this.parameters);
    this.OPTION(() => this.SUBRULE1(this.parameters));
    this.CONSUME(t.LBrace);
    this.SUBRULE(this.body);
    this.CONSUME(t.RBrace);
  });

  readonly parameters = this.RULE("parameters", () => {
    this.CONSUME(t.LParen);
    this.OPTION(() => this.SUBRULE(this.parameterList));
    this.CONSUME(t.RParen);
  });

  readonly parameterList = this.inner("parameterList", () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.parameter) });
  });

  readonly parameter = this.inner("parameter", () => {
    this.CONSUME(t.Name);
    this.OPTION(() => this.SUBRULE(this.axes));
    this.OPTION1(() => this.SUBRULE(this.choices));
    this.OPTION2(() => {
      this.CONSUME(t.Equals);
      this.SUBRULE(this.expression);
    });
  });

  readonly choices = this.inner("choices", () => {
    this.CONSUME(t.Colon);
    this.AT_LEAST_ONE_SEP({ SEP: t.Bar, DEF: () => this.CONSUME(t.Name) });
  });

  readonly body = this.RULE("body", () => {
    this.MANY(() => this.SUBRULE(this.bodyStatement));
  });

  readonly bodyStatement = this.RULE("bodyStatement", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.paramStatement) },
      { ALT: () => this.SUBRULE(this.stateStatement) },
      { ALT: () => this.SUBRULE(this.equation) },
      { ALT: () => this.SUBRULE(this.result) },
    ]);
    this.CONSUME(t.BodyEnd);
  });

  readonly stateStatement = this.inner("stateStatement", () => {
    this.CONSUME(starters.state);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.shaped) });
  });

  readonly equation = this.inner("equation", () => {
    this.CONSUME(t.Equates);
    this.OPTION(() => this.SUBRULE(this.axes));
    this.CONSUME(t.Equals);
    this.SUBRULE(this.expression);
  });

  readonly result = this.inner("result", () => {
    this.OR([
      { ALT: () => this.CONSUME(starters.return, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(starters.predict, { LABEL: "keyword" }) },
    ]);
    this.SUBRULE(this.expression);
  });

  // ---- settings -------------------------------------------------------------------------------------------

  readonly settings = this.inner("settings", () => {
    this.OR([
      { ALT: () => this.CONSUME(starters.train, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(starters.decode, { LABEL: "keyword" }) },
    ]);
    this.CONSUME(t.LBrace);
    this.SUBRULE(this.settingList);
    this.CONSUME(t.RBrace);
  });

  readonly settingList = this.inner("settingList", () => {
    this.MANY(() => this.SUBRULE(this.setting));
  });

  /** The values of a setting end where the next begins: at a name that its key has no use for. */
  readonly setting = this.inner("setting", () => {
    const key = this.CONSUME(t.Name);
    this.OPTION(() => this.SUBRULE(this.argumentsInParentheses));
    let count = 0;
    this.MANY({
      GATE: () => takesValue(key.image, count, this.LA(1)),
      DEF: () => {
        this.SUBRULE(this.operation);
        count++;
      },
    });
  });
}

/** Whether a setting that has `count` values goes on. A word can only be a first value, and never another key. */
function takesValue(key: string, count: number, next: IToken): boolean {
  const kind = shapeOf(key)[count]?.kind;
  if (kind === undefined) return false;
  return next.tokenType !== t.Name || (kind !== "number" && !isSettingKey(next.image));
}
