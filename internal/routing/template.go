package routing

import (
	"maps"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/certwright/certwright/api/v1"
)

// fill adds a template to the spec of a pod.
func fill(spec *corev1.PodSpec, template v1.SolverPodSpec) {
	spec.NodeSelector = merged(spec.NodeSelector, template.NodeSelector)
	spec.Affinity = template.Affinity
	spec.Tolerations = template.Tolerations
	spec.PriorityClassName = template.PriorityClassName
	spec.ServiceAccountName = template.ServiceAccountName
	spec.ImagePullSecrets = template.ImagePullSecrets
	if context := template.SecurityContext; context != nil {
		spec.SecurityContext = &corev1.PodSecurityContext{
			SELinuxOptions: context.SELinuxOptions, RunAsUser: context.RunAsUser, RunAsGroup: context.RunAsGroup,
			RunAsNonRoot: context.RunAsNonRoot, SupplementalGroups: context.SupplementalGroups, FSGroup: context.FSGroup,
			Sysctls: context.Sysctls, FSGroupChangePolicy: context.FSGroupChangePolicy, SeccompProfile: context.SeccompProfile,
		}
	}
	if resources := template.Resources; resources != nil {
		container := &spec.Containers[0]
		container.Resources.Requests = mergedResources(container.Resources.Requests, resources.Requests)
		container.Resources.Limits = mergedResources(container.Resources.Limits, resources.Limits)
	}
}

func mergedResources(own, wins corev1.ResourceList) corev1.ResourceList {
	result := corev1.ResourceList{}
	maps.Copy(result, own)
	maps.Copy(result, wins)
	return result
}
