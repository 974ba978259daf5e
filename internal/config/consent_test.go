package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWordsAndTheirAnswerAreBounded(t *testing.T) {
	t.Parallel()
	var words []string
	require.NoError(t, readWords(&words, "ARRÊT, no más ,停止"))
	require.Equal(t, []string{"ARRÊT", "no más", "停止"}, words)
	words = nil
	require.ErrorContains(t, readWords(&words, strings.Repeat("a,", 101)+"a"), "more than 100 words")
	require.Len(t, words, 100)
	var reply string
	require.NoError(t, readReply(&reply, strings.Repeat("ü", 201)))
	require.ErrorContains(t, readReply(&reply, strings.Repeat("ü", 202)), "has 202 characters")
	require.ErrorContains(t, readReply(&reply, "\xff"), "not UTF-8")
}
