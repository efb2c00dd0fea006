// Suggestions for misspelled words: the nearest word of a list.
//
// Differs from the tutorial: the tutorial does not make suggestions.

package main

import "strings"

// nearest returns the word that differs from s by one or two letters, or that begins with s; or
// "".
func nearest(s string, words []string) string {
	best, most := "", 3
	for _, w := range words {
		if d := distance(s, w); d < most && d < len(s)/2 {
			best, most = w, d
		}
	}
	for _, w := range words {
		if best == "" && len(s) > 4 && strings.HasPrefix(w, s) {
			best = w
		}
	}
	return best
}

// distance returns how many letters must be inserted, deleted, changed or swapped with the next
// one to turn a into b (Damerau and Levenshtein).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
		for j := range rows[i] {
			switch {
			case i == 0:
				rows[i][j] = j
			case j > 0 && a[i-1] == b[j-1]:
				rows[i][j] = rows[i-1][j-1]
			case j > 0:
				rows[i][j] = 1 + min(rows[i-1][j-1], rows[i-1][j], rows[i][j-1])
				if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
					rows[i][j] = min(rows[i][j], 1+rows[i-2][j-2])
				}
			}
		}
	}
	return rows[len(a)][len(b)]
}
