package render

import (
	"fmt"
	"strings"

	"github.com/inbucket/html2text"
	nethtml "golang.org/x/net/html"
)

// textOf makes the text part of a mail from its HTML, which is at most MaxHTML long. What a reader does not see, such as the
// preview line, is left out.
func textOf(page string) (string, error) {
	doc, err := nethtml.Parse(strings.NewReader(page))
	if err != nil {
		return "", fmt.Errorf("make the text part from the HTML: %w", err)
	}
	dropHidden(doc)
	text, err := html2text.FromHTMLNode(doc)
	if err != nil {
		return "", fmt.Errorf("make the text part from the HTML: %w", err)
	}
	// html2text begins a quotation with an empty line of it.
	return strings.ReplaceAll(text, "\n> \n> ", "\n> "), nil
}

func dropHidden(n *nethtml.Node) {
	for child := n.FirstChild; child != nil; {
		next := child.NextSibling
		if hidden(child) {
			n.RemoveChild(child)
		} else {
			dropHidden(child)
		}
		child = next
	}
}

func hidden(n *nethtml.Node) bool {
	for _, a := range n.Attr {
		if a.Key == "hidden" || a.Key == "style" && strings.Contains(strings.ReplaceAll(a.Val, " ", ""), "display:none") {
			return true
		}
	}
	return false
}
