/** What is left out of the document is undefined; a list becomes `<item>`s, as EC2 writes them. */
export type Xml = string | number | boolean | undefined | readonly Xml[] | XmlFields;
export interface XmlFields {
  readonly [name: string]: Xml;
}

export function toXml(value: Xml): string {
  if (value === undefined) return '';
  if (Array.isArray(value)) return value.map((one: Xml) => element('item', one)).join('');
  if (typeof value === 'object') {
    return Object.entries(value)
      .map(([name, one]) => element(name, one))
      .join('');
  }
  return escaped(String(value));
}

export const element = (name: string, value: Xml, attributes = ''): string =>
  value === undefined ? '' : `<${name}${attributes}>${toXml(value)}</${name}>`;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

const escaped = (text: string): string => text.replace(/[&<>"]/g, (one) => ENTITIES[one] ?? one);
