import torch

from segdrone.model.distributed import mean_over_processes


def test_a_process_that_is_alone_has_its_own_loss() -> None:
    loss = torch.tensor(0.7, requires_grad=True)
    mean, part = mean_over_processes(loss, torch.tensor(0))
    assert part is loss
    assert torch.equal(mean, loss)
    assert not mean.requires_grad
