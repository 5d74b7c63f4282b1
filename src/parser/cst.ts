/**
 * Reading a concrete syntax tree with types: Chevrotain's children are a dictionary of mixed lists.
 *
 * After an error a node may lack what its rule says it has. The builders only visit statements that were parsed
 * whole, so a missing child is a fault of ours.
 */
import type { CstElement, CstNode, IToken } from "chevrotain";
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import type { Identifier, Span } from "./ast.ts";
import { spanOf } from "./tokens.ts";

const isToken = (element: CstElement): element is IToken => "image" in element;

export const nodesOf = (node: CstNode, name: string): readonly CstNode[] =>
  (node.children[name] ?? []).filter((child): child is CstNode => !isToken(child));

export const tokensOf = (node: CstNode, name: string): readonly IToken[] =>
  (node.children[name] ?? []).filter(isToken);

export const nodeOf = (node: CstNode, name: string): CstNode => nodesOf(node, name)[0] ?? missing(node, name);

export const tokenOf = (node: CstNode, name: string): IToken =>
  tokensOf(node, name)[0] ?? missing(node, name);

export const optional = <R>(node: CstNode, name: string, build: (child: CstNode) => R): R | null => {
  const child = nodesOf(node, name)[0];
  return child === undefined ? null : build(child);
};

/** The rule that a node of alternatives turned out to be. */
export const onlyNode = (node: CstNode): CstNode =>
  Object.values(node.children)
    .flat()
    .find((child): child is CstNode => !isToken(child)) ?? missing(node, "rule");

export const nodeSpan = ({ name, location }: CstNode): Span => {
  if (location?.endOffset === undefined) throw new CompilerBug(`\`${name}\` has no place`);
  return { start: location.startOffset, end: location.endOffset + 1 };
};

/** Names are compared by their letters, however the editor composed them. */
export const identifier = (token: IToken): Identifier => ({
  name: token.image.normalize("NFC"),
  span: spanOf(token),
});

function missing(node: CstNode, name: string): never {
  throw new CompilerBug(`\`${node.name}\` has no \`${name}\``);
}
