// SPDX-License-Identifier: GPL-3.0-or-later
// Colours are chosen to be told apart by people who see few of them, on white and on black.
#include "tools/lib/html_page.h"

#include "tools/lib/markup.h"

namespace mailrace::tools {
namespace {

constexpr std::string_view kStyle = R"css(
:root{color-scheme:light dark;--page:#fff;--card:#f7f8fa;--text:#1c2128;--faint:#5d6673;
--rule:#d9dee5;--s1:#0b63c5;--s2:#0f8a6d;--s3:#c76a00;--s4:#b3261e;--s5:#7a4fc0}
@media (prefers-color-scheme:dark){:root{--page:#14171c;--card:#1c2027;--text:#e4e8ee;
--faint:#98a2b0;--rule:#333a45;--s1:#62a8ff;--s2:#3ecfa9;--s3:#ffb04d;--s4:#ff7b72;--s5:#b99bff}}
*{box-sizing:border-box}
body{margin:0 auto;padding:28px 24px 40px;max-width:1360px;background:var(--page);
color:var(--text);font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
h1{font-size:24px;margin:0 0 2px;font-weight:650}
h2{font-size:17px;margin:34px 0 10px;font-weight:650}
h3{font-size:15px;margin:0 0 2px;font-weight:650}
p{margin:0 0 8px}
.faint,.note-text{color:var(--faint)}
.note-text{font-size:13px}
.alarm{color:var(--s4);font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:10px;
margin:18px 0 8px}
.tile,.card{background:var(--card);border:1px solid var(--rule);border-radius:8px}
.tile{padding:10px 12px}
.tile b{display:block;font-size:21px;font-weight:650;font-variant-numeric:tabular-nums;
white-space:nowrap}
.tile span{color:var(--faint);font-size:13px}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,520px),1fr));gap:14px;
align-items:start}
.card{padding:14px 16px 8px;min-width:0}
.keys{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:13px;margin:2px 0 0}
.keys i{display:inline-block;width:16px;height:0;border-top:3px solid;margin-right:6px;
vertical-align:middle}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--faint);font-size:12px;font-family:inherit}
svg .title{fill:var(--text);text-anchor:middle}
svg .start{text-anchor:start}
svg .middle{text-anchor:middle}
svg .end{text-anchor:end}
svg .grid{stroke:var(--rule);stroke-width:1}
svg .axis{stroke:var(--faint);stroke-width:1}
svg .line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round}
svg .dashed{stroke-dasharray:5 4;stroke-width:1.5}
svg .dot,svg .bar{fill:currentColor}
svg .bar{stroke:var(--card);stroke-width:.6}
svg .shade{fill:var(--faint);opacity:.13}
svg .mark{stroke:var(--text);stroke-width:1.5;stroke-dasharray:3 3}
svg .note{fill:var(--text)}
svg .hint{fill:transparent}
svg .hint:hover{fill:var(--faint);fill-opacity:.18}
.s1{color:var(--s1)}.s2{color:var(--s2)}.s3{color:var(--s3)}.s4{color:var(--s4)}
.s5{color:var(--s5)}.plain{color:var(--faint)}.error{color:var(--s4)}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums;width:100%;
margin:0 0 6px}
caption{text-align:left;font-weight:650;font-size:15px;padding:0 0 5px}
th,td{padding:4px 14px 4px 0;border-bottom:1px solid var(--rule);text-align:right;
vertical-align:top;font-weight:400;overflow-wrap:anywhere}
thead th{color:var(--faint);overflow-wrap:normal;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
th:last-child,td:last-child{padding-right:0}
tr.strong>*{font-weight:650}
tr:last-child>*{border-bottom:0}
@media print{body{max-width:none;padding:0;font-size:11pt}.grid{grid-template-columns:1fr 1fr}
.card,.tile{break-inside:avoid;background:none}h2{break-after:avoid}svg .hint{display:none}}
)css";

}  // namespace

HtmlTable::HtmlTable(std::string_view caption, const std::vector<std::string>& columns) {
  html_ = "<table>";
  if (!caption.empty()) html_ += "<caption>" + escaped_markup(caption) + "</caption>";
  if (columns.empty()) return;
  html_ += "<thead><tr>";
  for (const std::string& column : columns) {
    html_ += "<th scope=\"col\">" + escaped_markup(column) + "</th>";
  }
  html_ += "</tr></thead>";
}

void HtmlTable::add(const std::vector<std::string>& cells, bool is_strong) {
  html_ += is_strong ? "<tr class=\"strong\">" : "<tr>";
  for (size_t index = 0; index < cells.size(); ++index) {
    html_ += index == 0 ? "<th scope=\"row\">" : "<td>";
    html_ += escaped_markup(cells[index]);
    html_ += index == 0 ? "</th>" : "</td>";
  }
  html_ += "</tr>\n";
  ++rows_;
}

std::string html_page(std::string_view title, std::string_view body) {
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  page += "<title>" + escaped_markup(title) + "</title>\n<style>";
  page += kStyle;
  page += "</style>\n</head>\n<body>\n";
  page += body;
  page += "</body>\n</html>\n";
  return page;
}

}  // namespace mailrace::tools
