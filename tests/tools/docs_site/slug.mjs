/** What a heading is linked by, as GitHub makes it: links work there and on the site. */
export function slugify(title) {
  return title.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replace(
    /\s/g,
    "-",
  );
}
