package render

import (
	"html"
	"slices"
	"strings"
	"text/template/parse"

	nethtml "golang.org/x/net/html"
)

// loading are the attributes whose address a mail program may fetch by itself, and styling those that hold CSS. A
// link's href is followed only by the reader's hand.
var (
	loading = []string{
		"src", "srcset", "imagesrcset", "background", "poster", "data", "lowsrc", "dynsrc", "code", "archive", "classid",
		"manifest", "profile", "icon", "xlink:href", "srcdoc",
	}
	styling = []string{
		"style", "fill", "stroke", "filter", "mask", "clip-path", "cursor", "marker-start", "marker-mid", "marker-end",
	}
	// fetched are the elements whose href is not a link.
	fetched = []string{"link", "base", "image", "use", "feimage"}
)

// literalAddresses collects the pieces of the template's own text that may be addresses.
func literalAddresses(trees treeSet) map[string]bool {
	found := map[string]bool{}
	for _, t := range trees {
		inspect(t.Root, func(n parse.Node) {
			if text, ok := n.(*parse.TextNode); ok {
				for _, piece := range strings.FieldsFunc(string(text.Text), delimits) {
					piece = html.UnescapeString(piece)
					found[piece] = true
					if _, value, ok := strings.Cut(piece, "="); ok && value != "" {
						found[value] = true // Of an attribute without quotes.
					}
				}
			}
		})
	}
	return found
}

func delimits(r rune) bool { return strings.ContainsRune("\"'()<> \t\r\n\f", r) }

// withoutForeignPictures takes out of finished HTML everything that a mail program would load from an address that does not
// stand literally in the template: pictures, backgrounds, styles. Whoever supplies such an address, a chat user among
// them, would learn when and where the mail is read.
func withoutForeignPictures(page string, own map[string]bool) string {
	var out strings.Builder
	tokens := nethtml.NewTokenizer(strings.NewReader(page))
	var within string // The element whose content is not tokenized.
	for {
		kind := tokens.Next()
		raw := string(tokens.Raw())
		switch kind {
		case nethtml.ErrorToken:
			return out.String()
		case nethtml.StartTagToken, nethtml.SelfClosingTagToken:
			token := tokens.Token()
			within = token.Data
			out.WriteString(filteredTag(token, raw, own))
		case nethtml.TextToken:
			out.WriteString(filteredText(within, raw, own))
		default:
			within = ""
			out.WriteString(raw)
		}
	}
}

// filteredText is the text after a tag, unless it is a style that loads something foreign. What some programs show as text and
// others read as HTML is treated as HTML.
func filteredText(element, raw string, own map[string]bool) string {
	switch element {
	case "style":
		if !ownStyle(raw, own) {
			return ""
		}
	case "noscript", "noembed", "noframes", "iframe", "xmp":
		if strings.Contains(raw, "<") {
			return withoutForeignPictures(raw, own)
		}
	}
	return raw
}

// filteredTag is the tag as it was, without the attributes that load something foreign, or nothing for a picture so loaded.
func filteredTag(token nethtml.Token, raw string, own map[string]bool) string {
	attributes := len(token.Attr)
	token.Attr = slices.DeleteFunc(token.Attr, func(a nethtml.Attribute) bool { return loadsForeign(token.Data, a, own) })
	switch {
	case len(token.Attr) == attributes:
		return raw
	case token.Data == "img":
		return ""
	}
	return token.String()
}

func loadsForeign(element string, a nethtml.Attribute, own map[string]bool) bool {
	name := strings.ToLower(a.Key)
	switch {
	case slices.Contains(styling, name):
		return !ownStyle(a.Val, own)
	case strings.HasSuffix(name, "srcset"):
		return slices.ContainsFunc(strings.Fields(a.Val), func(candidate string) bool { return !ownCandidate(candidate, own) })
	case slices.Contains(loading, name), name == "href" && slices.Contains(fetched, element):
		return !own[strings.TrimSpace(a.Val)]
	}
	return false
}

// ownCandidate judges one word of a srcset: an address or a size such as 2x.
func ownCandidate(word string, own map[string]bool) bool {
	return own[word] || own[strings.TrimRight(word, ",")] || strings.Trim(word, "0123456789.xw,") == ""
}

// ownStyle reports whether every address in a piece of CSS stands in the template. Escapes count as addresses: data gets
// into CSS only with them.
func ownStyle(css string, own map[string]bool) bool {
	for _, piece := range strings.FieldsFunc(css, delimits) {
		lower := strings.ToLower(piece)
		if strings.Contains(lower, "http") || strings.Contains(lower, "//") || strings.Contains(lower, `\`) {
			if !own[html.UnescapeString(piece)] {
				return false
			}
		}
	}
	return true
}
