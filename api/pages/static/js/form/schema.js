// What a job can be asked for, as /openapi.json says it.

import { getJson } from "../lib/api.js";

/** The fields of `POST /jobs` by name, with references resolved. */
export async function loadFields() {
  const document = await getJson("openapi.json");
  const body = document.paths["/jobs"].post.requestBody.content["multipart/form-data"].schema;
  const schema = resolve(body, document);
  return Object.fromEntries(Object.entries(schema.properties).map(([name, field]) => [name, resolve(field, document)]));
}

function resolve(schema, document) {
  const { $ref, anyOf, allOf, ...own } = schema;
  let base = {};
  if ($ref) base = $ref.slice(2).split("/").reduce((at, part) => at[part], document);
  else if (allOf?.length === 1) base = allOf[0];
  else if (anyOf) base = anyOf.find((option) => option.type !== "null") ?? {};
  else return schema.items ? { ...schema, items: resolve(schema.items, document) } : schema;
  return { ...resolve(base, document), ...own };
}

export const isFile = (schema) => schema.format === "binary" || schema.items?.format === "binary";

/** What is wrong with a value, or "". */
export function check(value, schema) {
  if (schema.type === "array") return checkList(value, schema);
  if (schema.enum) return schema.enum.includes(value) ? "" : `Expected one of ${schema.enum.join(", ")}.`;
  if (schema.type === "number" || schema.type === "integer") return checkNumber(value, schema);
  if (schema.type === "string") return checkText(String(value), schema);
  return "";
}

function checkNumber(value, schema) {
  const range = rangeOf(schema);
  const whole = schema.type === "integer";
  const number = typeof value === "number" ? value : Number(String(value).trim() || NaN);
  const fits = Number.isFinite(number) && (!whole || Number.isInteger(number)) && number >= (schema.minimum ?? -Infinity) && number <= (schema.maximum ?? Infinity)
    && number > (schema.exclusiveMinimum ?? -Infinity) && number < (schema.exclusiveMaximum ?? Infinity);
  return fits ? "" : `Expected a ${whole ? "whole " : ""}number${range}.`;
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
  if (schema.pattern && !new RegExp(schema.pattern, "u").test(value)) return schema.description ?? "This does not fit.";
  if (schema.maxLength && value.length > schema.maxLength) return `Expected at most ${schema.maxLength} characters.`;
  if (schema.minLength && value.length < schema.minLength) return `Expected at least ${schema.minLength} characters.`;
  return "";
}

function checkList(value, schema) {
  const list = asList(value);
  const fewest = schema.minItems ?? schema.minLength ?? 0;
  if (list.length < fewest) return `Choose at least ${fewest === 1 ? "one" : fewest}.`;
  if (schema.maxItems && list.length > schema.maxItems) return `Expected at most ${schema.maxItems}.`;
  return list.map((item) => check(item, schema.items ?? {})).find(Boolean) ?? "";
}

/** A list as it is typed: with commas. */
export function asList(value) {
  if (Array.isArray(value)) return value;
  return String(value).split(",").map((part) => part.trim()).filter(Boolean);
}

/** A value as a form has it. */
export const asText = (value) => (Array.isArray(value) ? value.join(",") : String(value));
