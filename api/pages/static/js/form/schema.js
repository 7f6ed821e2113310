// The parameters of a job, read from /openapi.json, and the validation of their values.

import { getJson } from "../lib/api.js";

/** Fetch the fields of `POST /jobs` by name, with references resolved. */
export async function loadFields() {
  const document = await getJson("openapi.json");
  const body = document.paths["/jobs"].post.requestBody.content["multipart/form-data"].schema;
  const schema = resolve(body, document);
  return Object.fromEntries(Object.entries(schema.properties).map(([name, field]) => [name, resolve(field, document)]));
}

function resolve(schema, document) {
  const { $ref, anyOf, allOf, ...own } = schema;
  const nullable = anyOf?.some((option) => option.type === "null");
  let base = {};
  if ($ref) base = $ref.slice(2).split("/").reduce((at, part) => at[part], document);
  else if (allOf?.length === 1) base = allOf[0];
  else if (anyOf) base = anyOf.find((option) => option.type !== "null") ?? {};
  else return schema.items ? { ...schema, items: resolve(schema.items, document) } : schema;
  return { ...resolve(base, document), ...(nullable && { nullable }), ...own };
}

export const isFile = (schema) => schema.format === "binary" || schema.items?.format === "binary";

/** Return what is wrong with a value, or "". */
export function check(value, schema) {
  if (schema.nullable && !asText(value).trim()) return "";
  if (schema.type === "array") return checkList(value, schema);
  if (schema.enum) return schema.enum.includes(value) ? "" : `Expected one of ${schema.enum.join(", ")}.`;
  if (schema.type === "number" || schema.type === "integer") return checkNumber(value, schema);
  if (schema.type === "string") return checkText(String(value), schema);
  return "";
}

function checkNumber(value, schema) {
  const range = rangeOf(schema);
  const integer = schema.type === "integer";
  const number = typeof value === "number" ? value : Number(String(value).trim() || NaN);
  const valid = Number.isFinite(number) && (!integer || Number.isInteger(number)) && number >= (schema.minimum ?? -Infinity) && number <= (schema.maximum ?? Infinity)
    && number > (schema.exclusiveMinimum ?? -Infinity) && number < (schema.exclusiveMaximum ?? Infinity);
  return valid ? "" : `Expected a ${integer ? "whole " : ""}number${range}.`;
}

function rangeOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }) {
  const parts = [];
  if (minimum !== undefined) parts.push(`from ${minimum}`);
  if (exclusiveMinimum !== undefined) parts.push(`above ${exclusiveMinimum}`);
  if (maximum !== undefined) parts.push(`to ${maximum}`);
  if (exclusiveMaximum !== undefined) parts.push(`below ${exclusiveMaximum}`);
  return parts.length ? ` ${parts.join(" ")}` : "";
}

function checkText(value, schema) {
  if (schema.pattern && !new RegExp(schema.pattern, "u").test(value)) return schema.description ?? "Invalid value.";
  if (schema.maxLength && value.length > schema.maxLength) return `Expected at most ${schema.maxLength} characters.`;
  if (schema.minLength && value.length < schema.minLength) return `Expected at least ${schema.minLength} characters.`;
  return "";
}

function checkList(value, schema) {
  const list = asList(value);
  const minimum = schema.minItems ?? schema.minLength ?? 0;
  if (list.length < minimum) return `Choose at least ${minimum === 1 ? "one" : minimum}.`;
  if (schema.maxItems && list.length > schema.maxItems) return `Choose at most ${schema.maxItems}.`;
  return list.map((item) => check(item, schema.items ?? {})).find(Boolean) ?? "";
}

/** Parse a comma-separated list. */
export function asList(value) {
  if (Array.isArray(value)) return value;
  return String(value).split(",").map((part) => part.trim()).filter(Boolean);
}

/** Format a value as the text of a form field. No value is an empty text. */
export const asText = (value) => (Array.isArray(value) ? value.join(",") : String(value ?? ""));
