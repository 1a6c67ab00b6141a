package kube

import (
	"context"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/certwright/certwright/internal/outcome"
)

// Tokens asks the API server for tokens of ServiceAccounts. It keeps none.
type Tokens struct {
	Client corev1.ServiceAccountsGetter
	Now    func() time.Time
}

const (
	// tokenLife is how long a token is good for: the shortest that the API server makes.
	tokenLife = 10 * time.Minute
	// tokenRetry is how soon a token is asked for again that a person has to make possible: nothing tells when a
	// ServiceAccount, or the right to it, is there at last.
	tokenRetry = 10 * time.Second
)

// Create returns a new token of a ServiceAccount, for these audiences and for ten minutes. What a person has to do first
// is a Wait that says so.
func (t *Tokens) Create(ctx context.Context, account types.NamespacedName, audiences []string) (string, error) {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		Audiences: audiences, ExpirationSeconds: new(int64(tokenLife / time.Second)),
	}}
	made, err := t.Client.ServiceAccounts(account.Namespace).CreateToken(ctx, account.Name, request, metav1.CreateOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return "", outcome.WaitUntil(t.Now().Add(tokenRetry), "NoServiceAccount",
			"there is no ServiceAccount %q in namespace %q: make it, or name another in serviceAccountRef", account.Name, account.Namespace)
	case apierrors.IsForbidden(err):
		// The API server's own words name the user.
		return "", outcome.WaitUntil(t.Now().Add(tokenRetry), "TokenForbidden",
			"the operator may not make a token of ServiceAccount %q: bind a Role in namespace %q with the verb create on serviceaccounts/token "+
				"and the resourceName %q to the operator's ServiceAccount, or set the chart's dnsSolver.serviceAccountTokens: %v",
			account.Name, account.Namespace, account.Name, err)
	case err != nil:
		return "", fmt.Errorf("making a token of ServiceAccount %q in namespace %q: %w", account.Name, account.Namespace, err)
	}
	return made.Status.Token, nil
}
