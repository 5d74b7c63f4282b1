/**
 * The lower half of the grammar: expressions and lists of axes.
 *
 * Operators are one flat list of operands; `build-expression.ts` gives them their precedences. So a chained
 * comparison still parses, and is reported without losing its statement, and nesting costs little stack.
 * No rule has a repetition followed by its own closing bracket, since Chevrotain repairs those by recursion.
 */
import { CstParser, type CstNode, type ParserMethod } from "chevrotain";
import { compactErrors } from "./syntax-errors.ts";
import * as t from "./tokens.ts";

export class ExpressionParser extends CstParser {
  /** `validate` checks the grammar itself for ambiguities, which only a test needs. */
  constructor(validate: boolean) {
    super([...t.allTokens], {
      maxLookahead: 3,
      recoveryEnabled: true,
      nodeLocationTracking: "onlyOffset",
      errorMessageProvider: compactErrors,
      skipValidations: !validate,
    });
  }

  // Repairs by inserting or dropping one token hide where the error is; the next statement is a better place.
  protected override canTokenTypeBeInsertedInRecovery(): boolean {
    return false;
  }
  protected override canTokenTypeBeDeletedInRecovery(): boolean {
    return false;
  }

  /** A rule that leaves its errors to the statement around it. */
  protected inner(name: string, rule: () => void): ParserMethod<[], CstNode> {
    return this.RULE(name, rule, { resyncEnabled: false });
  }

  readonly expression = this.inner("expression", () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Pipe, DEF: () => this.SUBRULE(this.choice) });
  });

  readonly choice = this.inner("choice", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.If);
          this.SUBRULE(this.choice);
          this.CONSUME(t.Then);
          this.SUBRULE1(this.choice);
          this.CONSUME(t.Else);
          this.SUBRULE2(this.choice);
        },
      },
      { ALT: () => this.SUBRULE(this.operation) },
    ]);
  });

  readonly operation = this.inner("operation", () => {
    this.SUBRULE(this.operand);
    this.MANY(() => {
      this.CONSUME(t.Operator);
      this.SUBRULE1(this.operand);
    });
  });

  readonly operand = this.inner("operand", () => {
    this.MANY(() => {
      this.OR([
        { ALT: () => this.CONSUME(t.Minus, { LABEL: "prefix" }) },
        { ALT: () => this.CONSUME(t.Not, { LABEL: "prefix" }) },
      ]);
    });
    this.SUBRULE(this.primary);
    this.MANY1(() => {
      this.OR1([
        { ALT: () => this.SUBRULE(this.call, { LABEL: "suffix" }) },
        { ALT: () => this.SUBRULE(this.index, { LABEL: "suffix" }) },
      ]);
    });
  });

  readonly primary = this.inner("primary", () => {
    this.OR([
      { ALT: () => this.CONSUME(t.NumberToken, { LABEL: "number" }) },
      { ALT: () => this.CONSUME(t.Inf, { LABEL: "number" }) },
      { ALT: () => this.CONSUME(t.StringToken) },
      { ALT: () => this.CONSUME(t.Name, { LABEL: "name" }) },
      {
        ALT: () => {
          this.CONSUME(t.Bar);
          this.CONSUME1(t.Name, { LABEL: "length" });
          this.CONSUME1(t.Bar);
        },
      },
      {
        ALT: () => {
          this.CONSUME(t.LParen);
          this.SUBRULE(this.expression);
          this.CONSUME(t.RParen);
        },
      },
      { ALT: () => this.SUBRULE(this.list) },
    ]);
  });

  readonly list = this.inner("list", () => {
    this.CONSUME(t.LBracket);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.expression) });
    this.CONSUME(t.RBracket);
  });

  readonly call = this.inner("call", () => {
    this.CONSUME(t.LParen);
    this.OPTION({ GATE: () => this.bindersAhead(), DEF: () => this.SUBRULE(this.binders) });
    this.OPTION1(() => this.SUBRULE(this.argumentList));
    this.CONSUME(t.RParen);
  });

  readonly binders = this.inner("binders", () => {
    this.CONSUME(t.Name);
    this.MANY(() => {
      this.CONSUME(t.Comma);
      this.CONSUME1(t.Name);
    });
    this.CONSUME(t.Colon);
  });

  readonly argumentsInParentheses = this.inner("argumentsInParentheses", () => {
    this.CONSUME(t.LParen);
    this.OPTION(() => this.SUBRULE(this.argumentList));
    this.CONSUME(t.RParen);
  });

  readonly argumentList = this.inner("argumentList", () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.argument) });
  });

  readonly argument = this.inner("argument", () => {
    this.OPTION(() => {
      this.OR([
        { ALT: () => this.CONSUME(t.Name, { LABEL: "name" }) },
        { ALT: () => this.CONSUME(t.ArgumentName, { LABEL: "name" }) },
      ]);
      this.CONSUME(t.Equals);
    });
    this.SUBRULE(this.expression);
  });

  readonly index = this.inner("index", () => {
    this.CONSUME(t.LBracket);
    this.SUBRULE(this.indexList);
    this.OPTION(() => {
      this.CONSUME(t.Bar);
      this.SUBRULE(this.expression, { LABEL: "filler" });
    });
    this.CONSUME(t.RBracket);
  });

  readonly indexList = this.inner("indexList", () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.expression) });
  });

  /** `i, j: …`: names up to a colon, however many. */
  private bindersAhead(): boolean {
    let k = 1;
    while (this.LA(k).tokenType === t.Name && this.LA(k + 1).tokenType === t.Comma) k += 2;
    return this.LA(k).tokenType === t.Name && this.LA(k + 1).tokenType === t.Colon;
  }

  readonly axes = this.inner("axes", () => {
    this.CONSUME(t.LBracket);
    this.SUBRULE(this.axisList);
    this.CONSUME(t.RBracket);
  });

  readonly axisList = this.inner("axisList", () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.axis) });
  });

  readonly axis = this.inner("axis", () => {
    this.OPTION(() => {
      this.CONSUME(t.Name);
      this.CONSUME(t.Colon);
    });
    this.SUBRULE(this.expression);
  });
}
